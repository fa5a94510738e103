"""Networks by name, what is refused and how it is said, and weights that come back as they went."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY
from safetensors.torch import load_file, save_file
from torch import nn

from harness.errors import DataError, HarnessError, SpecError, UnknownNameError
from harness.models import (
    architectures,
    check_architecture,
    content_of,
    create,
    file_sha256,
    load_weights,
    save_weights,
)
from harness.schema import Options

DEIT = "deit_tiny_patch16_224"
OPTIONS: Options = dict(TINY)
DATA: Options = {"num_classes": 10, "in_chans": 1}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's own switch: asked for weights that are not in the cache, it gives up at once."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def built(seed: int = 0) -> nn.Module:
    return create(DEIT, OPTIONS, DATA, seed=seed)


def test_a_network_is_built_with_its_options_and_those_of_the_data() -> None:
    net = built()
    assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert not any(module.training for module in net.modules())


def test_the_width_and_heads_of_the_example_study_can_be_built() -> None:
    options: Options = {"img_size": 8, "patch_size": 2, "embed_dim": 64, "num_heads": 4, "depth": 8}
    assert create(DEIT, options, DATA).get_submodule("blocks.7.attn").num_heads == 4


def test_weights_follow_the_seed() -> None:
    assert content_of(built(0)) == content_of(built(0))
    assert content_of(built(0)) != content_of(built(1))


def test_building_leaves_the_random_numbers_alone() -> None:
    states: tuple[Callable[[], object], ...] = (
        lambda: torch.get_rng_state().tolist(),
        lambda: str(np.random.get_state()),
        random.getstate,
    )
    before = [state() for state in states]
    built(3)
    create(DEIT, OPTIONS, DATA, device="meta")
    assert [state() for state in states] == before


def test_the_meta_device_holds_no_weights() -> None:
    assert {p.device.type for p in create(DEIT, {}, {}, device="meta").parameters()} == {"meta"}


def test_architectures_are_listed_by_name() -> None:
    assert DEIT in architectures()
    assert architectures() == sorted(architectures())


@pytest.mark.parametrize(
    "name", ["deit_tiny_patch16_225", "hf-hub:timm/deit_tiny_patch16_224", "local-dir:/tmp", "../x", ""]
)
def test_an_unknown_architecture_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"architecture: unknown architecture '{name}'"):
        create(name, {}, {})


def test_the_nearest_architecture_is_offered_where_the_model_stands() -> None:
    with pytest.raises(
        UnknownNameError, match=r"^models\.0\.architecture: unknown .* did you mean 'deit_tiny_patch16_224'\?"
    ):
        check_architecture("deit_tiny_patch16_225", {}, "models.0")


def test_an_unknown_tag_is_refused() -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown tag of deit_tiny_patch16_224 'fb_in2k'; did you mean 'fb_in1k'"
    ):
        create(f"{DEIT}.fb_in2k", {}, {})


@pytest.mark.parametrize("option", ["num_classes", "in_chans"])
def test_options_that_follow_the_data_are_refused(option: str) -> None:
    with pytest.raises(SpecError, match=rf"^options\.{option}: follows the data"):
        create(DEIT, {option: 3}, DATA)


@pytest.mark.parametrize("option", ["checkpoint_path", "pretrained_cfg", "cache_dir", "pretrained", "device"])
def test_options_cannot_reach_for_weights_or_places(option: str) -> None:
    with pytest.raises(SpecError, match=rf"^options\.{option}: is no option of an architecture"):
        create(DEIT, {option: "x"}, DATA)


def test_every_refused_option_is_named_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        check_architecture(DEIT, {"num_classes": 3, "in_chans": 3, "cache_dir": "x"}, "models.1")
    assert [p.where for p in caught.value.problems] == [
        "models.1.options.cache_dir",
        "models.1.options.num_classes",
        "models.1.options.in_chans",
    ]


def test_an_option_that_the_class_does_not_know_is_named() -> None:
    with pytest.raises(SpecError, match=r"^options\.embed_dims: no such option of deit.*did you mean 'embed_dim'\?"):
        create(DEIT, {"embed_dims": 32}, DATA)


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("bad", [{"embed_dim": 65}, {"depth": "three"}, {"num_heads": 0}])
def test_values_that_the_class_refuses_are_shown_with_its_words(bad: Options, device: str) -> None:
    (name, value), *_ = bad.items()
    with pytest.raises(SpecError, match=rf"^options: deit_tiny_patch16_224 refuses {{.*{name}: {value}.*}}: \w+"):
        create(DEIT, {**OPTIONS, **bad}, DATA, device=device)


@pytest.mark.usefixtures("offline")
def test_weights_that_cannot_be_fetched_are_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"weights of deit_tiny_patch16_224 are not on this machine; `harness fetch"):
        create(DEIT, {}, {}, pretrained=True)


def test_an_architecture_without_published_weights_says_so() -> None:
    with pytest.raises(DataError, match="no weights are published for vit_base_patch16_18x2_224; use 'random'"):
        create("vit_base_patch16_18x2_224", {}, {}, pretrained=True)


def test_an_unknown_tag_of_weights_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown tag of deit_tiny_patch16_224 'nope'; known: fb_in1k"):
        create(DEIT, {}, {}, pretrained="nope")


def test_options_are_to_blame_before_weights_are() -> None:
    with pytest.raises(SpecError, match=r"^options\.embed_dims"):
        create(DEIT, {"embed_dims": 32}, DATA, pretrained=True)


def test_published_weights_are_loaded_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = create(DEIT, {}, {}, seed=5)
    put_into_cache(tmp_path, monkeypatch, kept)
    found = create(DEIT, {}, {}, pretrained="fb_in1k", seed=9)
    assert content_of(found) == content_of(kept)


def test_published_weights_that_do_not_fit_the_options_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_into_cache(tmp_path, monkeypatch, create(DEIT, {}, {}))
    with pytest.raises(
        DataError, match=r"the published weights of deit_tiny_patch16_224 do not fit these options: Error"
    ):
        create(DEIT, {"embed_dim": 96}, {}, pretrained=True)


def put_into_cache(folder: Path, monkeypatch: pytest.MonkeyPatch, net: nn.Module) -> None:
    """Lays weights where the hub's client keeps what it has fetched."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    home = folder / "models--timm--deit_tiny_patch16_224.fb_in1k"
    commit = "0" * 40
    (home / "snapshots" / commit).mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    save_weights(net, home / "snapshots" / commit / "model.safetensors")


def test_weights_come_back_as_they_went(tmp_path: Path) -> None:
    net, other = built(0), built(1)
    save_weights(net, tmp_path / "w.safetensors")
    load_weights(other, tmp_path / "w.safetensors")
    assert content_of(other) == content_of(net)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))


def test_tied_weights_come_back_too(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    net[1].weight = net[0].weight
    save_weights(net, tmp_path / "w.safetensors")
    before = content_of(net)
    load_weights(net, tmp_path / "w.safetensors")
    assert content_of(net) == before


def test_missing_unexpected_and_misshapen_names_are_all_told(tmp_path: Path) -> None:
    net = built()
    save_weights(net, tmp_path / "w.safetensors")
    state = load_file(tmp_path / "w.safetensors")
    for name in [name for name in state if name.startswith("blocks.0")]:
        del state[name]
    state["extra"], state["norm.bias"] = torch.zeros(1), torch.zeros(3)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(DataError) as caught:
        load_weights(net, tmp_path / "w.safetensors")
    text = str(caught.value)
    assert "12 missing: blocks.0.norm1.weight, blocks.0.norm1.bias, blocks.0.attn.qkv.weight, ..." in text
    assert "1 unexpected: extra" in text
    assert "1 of another shape: norm.bias is (3,) and not (32,)" in text


def test_refused_weights_leave_the_network_as_it_was(tmp_path: Path) -> None:
    net = built()
    before = content_of(net)
    save_file({"norm.bias": torch.ones(32)}, tmp_path / "w.safetensors")
    with pytest.raises(DataError):
        load_weights(net, tmp_path / "w.safetensors")
    assert content_of(net) == before


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x04cos\nsystem\n"])
def test_a_corrupt_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"w\.safetensors: not a readable safetensors file"):
        load_weights(built(), tmp_path / "w.safetensors")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(built(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not a readable safetensors file"):
        load_weights(built(), path)


@pytest.mark.parametrize("read", [lambda path: load_weights(built(), path), file_sha256])
def test_an_absent_file_is_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(DataError, match=r"^absent\.safetensors: "):
        read(tmp_path / "absent.safetensors")


def test_content_sees_names_types_shapes_and_values() -> None:
    def content(name: str, tensor: torch.Tensor) -> str:
        net = nn.Module()
        net.register_buffer(name, tensor)
        return content_of(net)

    variants = [
        content("a", torch.zeros(4)),
        content("b", torch.zeros(4)),
        content("a", torch.zeros(2, 2)),
        content("a", torch.zeros(4, dtype=torch.int32)),
        content("a", torch.tensor([0.0, 0.0, 0.0, 1e-30])),
        content("a", torch.zeros(8, dtype=torch.bfloat16)),
        content("a", torch.tensor(0.0)),
    ]
    assert len(set(variants)) == len(variants)
    assert all(len(text) == 16 and set(text) <= set("0123456789abcdef") for text in variants)


def test_content_does_not_depend_on_the_order_in_memory() -> None:
    net = nn.Linear(3, 5, bias=False)
    before = content_of(net)
    net.weight.data = net.weight.data.t().contiguous().t()
    assert content_of(net) == before


def test_the_hash_of_a_file_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_refusals_are_the_users_to_fix() -> None:
    with pytest.raises(HarnessError):
        create(DEIT, {"depth": -1.5}, {})
