"""Decoders of transformers as models: from a configuration, a folder and the hub's cache; what is refused, and how."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from decoders import WIDE, decoder, logits, token_ids
from hub_files import put_into_cache
from torch import nn

from harness.errors import DataError, HarnessError, MissingExtraError, SpecError, UnknownNameError
from harness.models import (
    check_architecture,
    check_published,
    content_of,
    create,
    file_sha256,
    load_weights,
    resolved,
    save_weights,
)
from harness.models.hub import cached_folder, fetched_folder, has_weights
from harness.schema import Options

LLAMA = "hf-config:llama"
NAME = "hf:owner/small"


def built(options: Options = WIDE, seed: int = 0) -> nn.Module:
    return create(LLAMA, options, {}, seed=seed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A decoder as transformers writes it."""
    path = tmp_path / "small"
    decoder().save_pretrained(path)  # type: ignore[operator]  # transformers'
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client, which asks nobody."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def put_model(cache: Path, folder: Path) -> None:
    for file in folder.iterdir():
        put_into_cache(cache, "owner/small", file.name, file.read_bytes())


def test_weights_follow_the_seed_and_the_random_numbers_are_left_alone() -> None:
    before = torch.get_rng_state().tolist()
    assert content_of(built()) == content_of(built()) != content_of(built(seed=1))
    assert torch.get_rng_state().tolist() == before


def test_a_decoder_is_float32_in_eval_mode_with_torchs_own_attention() -> None:
    net = create(LLAMA, {"config": {**WIDE, "dtype": "bfloat16"}}, {})
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert not any(module.training for module in net.modules())
    assert net.config._attn_implementation == "sdpa"  # type: ignore[union-attr]  # transformers'


def test_options_go_before_what_a_file_says_and_the_data_before_both() -> None:
    config = create(LLAMA, {"config": WIDE, "num_hidden_layers": 2}, {"vocab_size": 20}).config
    assert (config.num_hidden_layers, config.vocab_size, config.hidden_size) == (2, 20, 32)  # type: ignore[union-attr]


def test_options_are_known_by_either_name() -> None:
    given: tuple[Options, ...] = (
        {"config": {"n_layer": 4}, "num_hidden_layers": 2},
        {"config": {"num_hidden_layers": 4}, "n_layer": 2},
    )
    for options in given:
        assert len(create("hf-config:gpt2", options, {}, device="meta").get_submodule("transformer.h")) == 2  # type: ignore[arg-type]


def test_the_meta_device_holds_no_weights() -> None:
    assert {p.device.type for p in decoder(device="meta").parameters()} == {"meta"}


def test_weights_come_back_as_they_went(tmp_path: Path) -> None:
    for name in ("llama", "gpt2"):  # of which one shares its embedding with its head
        net, other = decoder(name), decoder(name, seed=5)
        save_weights(net, tmp_path / "weights.safetensors")
        load_weights(other, tmp_path / "weights.safetensors")
        assert content_of(other) == content_of(net)
        assert torch.equal(logits(other, token_ids()), logits(net, token_ids()))


def test_the_weights_of_a_folder_are_known_by_their_content(folder: Path, tmp_path: Path) -> None:
    found = resolved(f"hf:{folder}", {})
    net = create(found.architecture, found.options, {}, seed=5)
    load_weights(net, folder)
    assert content_of(net) == content_of(decoder())
    moved = folder.rename(tmp_path / "moved")
    first = file_sha256(moved)
    decoder(seed=3).save_pretrained(moved)  # type: ignore[operator]  # transformers'
    assert len(first) == 64
    assert file_sha256(moved) != first


def test_a_folder_in_pieces_is_read_whole(tmp_path: Path) -> None:
    net = decoder()
    net.save_pretrained(tmp_path / "pieces", max_shard_size="20KB")  # type: ignore[operator]  # transformers'
    assert len(list((tmp_path / "pieces").glob("*.safetensors"))) > 1
    other = decoder(seed=5)
    load_weights(other, tmp_path / "pieces")
    assert content_of(other) == content_of(net)
    next(iter(sorted((tmp_path / "pieces").glob("*.safetensors")))).unlink()
    with pytest.raises(
        DataError,
        match=r"pieces: model\..*json names 'model-00001-of-\d+\.safetensors', which is not",
    ):
        load_weights(other, tmp_path / "pieces")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"num_hidden_layers": 5}, r"9 missing: model\.layers\.4\.input_layernorm\.weight, \.\.\."),
        ({"num_hidden_layers": 3}, r"9 unexpected: model\.layers\.3\.input_layernorm\.weight, \.\.\."),
        ({"intermediate_size": 64}, r"12 mismatched: model\.layers\.0\.mlp\.down_proj\.weight, \.\.\."),
    ],
    ids=["deeper", "shallower", "wider"],
)
def test_weights_of_another_network_are_refused(folder: Path, options: Options, fault: str) -> None:
    with pytest.raises(DataError, match=f"the weights of small belong to another network: {fault}"):
        load_weights(create(LLAMA, {**WIDE, **options}, {}), folder)


def test_pickled_weights_are_never_read(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match="small: no weights in safetensors: no such file"):
        file_sha256(folder)
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(DataError, match=r"no weights in safetensors: only pytorch_model\.bin, a pickle, which could"):
        load_weights(decoder(), folder)


def test_an_index_leads_nowhere_else(folder: Path) -> None:
    outside = folder.parent / "outside.safetensors"
    (folder / "model.safetensors").rename(outside)
    save_weights(decoder(), folder / "other.safetensors")
    names = dict.fromkeys(decoder().state_dict(), "../outside.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    with pytest.raises(DataError, match=r"names '\.\./outside\.safetensors', which is not in the folder"):
        load_weights(decoder(), folder)


def test_a_file_that_is_damaged_is_said_to_be(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(DataError, match="the weights of small cannot be read: "):
        load_weights(decoder(), folder)


def test_a_repository_in_the_cache_is_a_model(cache: Path, folder: Path) -> None:
    put_model(cache, folder)
    assert has_weights(NAME)
    assert fetched_folder(NAME) == cached_folder(NAME)
    net = create(NAME, {}, {}, pretrained=True)
    assert content_of(net) == content_of(decoder())
    drawn = create(NAME, {"num_hidden_layers": 2}, {}, seed=1)
    assert drawn.config.num_hidden_layers == 2  # type: ignore[union-attr]  # transformers'


def test_a_repository_that_is_not_in_the_cache_says_what_brings_it(cache: Path) -> None:
    assert not has_weights(NAME)
    with pytest.raises(DataError, match=r"^m\.architecture: the published weights of hf:owner/small are not on this"):
        check_architecture(NAME, {}, "m")
    with pytest.raises(DataError, match="hf:owner/small cannot be fetched: "):
        fetched_folder(NAME)


def test_a_cache_without_weights_is_told_from_one_without_the_model(cache: Path, folder: Path) -> None:
    put_into_cache(cache, "owner/small", "config.json", (folder / "config.json").read_bytes())
    assert not has_weights(NAME)
    with pytest.raises(DataError, match="no weights in safetensors"):
        create(NAME, {}, {}, pretrained=True)


@pytest.mark.parametrize(
    ("architecture", "options", "kind", "said"),
    [
        ("hf-config:t5", {}, SpecError, r"architecture: t5 is an encoder-decoder, .* only decoders are addressed"),
        ("hf-config:bart", {}, SpecError, r"architecture: bart is an encoder-decoder, "),
        ("hf-config:bert", {}, SpecError, r"architecture: bert is an encoder, which fills gaps .* only decoders are"),
        ("hf-config:lama", {}, UnknownNameError, r"architecture: unknown type of decoder 'lama'; did you mean 'llama'"),
        ("hf:a/b/c", {}, SpecError, r"architecture: 'a/b/c' cannot be the name of a repository"),
        (LLAMA, {"num_hiden_layers": 3}, SpecError, r"options\.num_hiden_layers: no such option of llama; did you"),
        (LLAMA, {"dtype": "float16"}, SpecError, r"options\.dtype: no such option of llama"),
        (LLAMA, {"hidden_size": "wide"}, SpecError, r"options: hf-config:llama refuses \{hidden_size: wide\}: .* int"),
        (LLAMA, {"hidden_size": 33, "num_attention_heads": 4}, SpecError, r"options: .* is not a multiple of"),
        (LLAMA, {"hidden_size": 1 << 30}, SpecError, r"options\.hidden_size: 1073741824 is larger than any network"),
        (LLAMA, {"config": "llama.json"}, SpecError, r"options\.config: must be what a configuration file holds"),
        (LLAMA, {"config": {"quantization_config": {"bits": 4}}}, SpecError, r"architecture: .* are quantised"),
        (LLAMA, {"config": {"hidden_size": 33}}, SpecError, r"architecture: .* refuses \{its configuration\}: "),
    ],
    ids=[
        "t5",
        "bart",
        "bert",
        "type",
        "repository",
        "option",
        "foreign",
        "text",
        "heads",
        "large",
        "content",
        "quantised",
        "file",
    ],
)
def test_what_cannot_be_built_is_refused(
    cache: Path, architecture: str, options: Options, kind: type[HarnessError], said: str
) -> None:
    with pytest.raises(kind, match=rf"^m\.{said}"):
        check_architecture(architecture, options, "m")


def test_an_activation_that_is_none_is_refused_when_it_is_built() -> None:
    with pytest.raises(SpecError, match=r"^options: hf-config:llama refuses \{.*hidden_act: gellu\}: KeyError"):
        create(LLAMA, {**WIDE, "hidden_act": "gellu"}, {})


def test_a_network_without_end_is_refused() -> None:
    with pytest.raises(SpecError, match="more than 10000 modules"):
        create(LLAMA, {**WIDE, "num_hidden_layers": 100_000}, {}, device="meta")


def test_published_weights_are_those_of_a_repository() -> None:
    with pytest.raises(SpecError, match=r"^weights: nothing is published for a configuration alone"):
        check_published(LLAMA, None)
    with pytest.raises(SpecError, match=r"^weights\.pretrained: .* in the architecture: hf:owner/small@v1$"):
        check_published(NAME, "v1")


def test_without_transformers_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "transformers" else found(name))
    with pytest.raises(MissingExtraError, match=r"m\.architecture: .* pip install 'ablation-harness\[lm\]'"):
        check_architecture(LLAMA, {}, "m")


def test_no_code_of_a_repository_is_run(cache: Path, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModelForCausalLM": "code.Model"}}))
    (folder / "code.py").write_text("raise RuntimeError('was run')")
    put_model(cache, folder)
    assert content_of(create(NAME, {}, {}, pretrained=True)) == content_of(decoder())
