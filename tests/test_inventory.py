"""What a network is made of, and that it is kept, found again without torch, and remade when damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY

from harness import inventory as module
from harness.errors import SpecError, StoreError, UnknownNameError
from harness.inventory import Inventory, inventory_of, kept_inventory, structure, take_inventory
from harness.models import create
from harness.schema import Options

DEIT = "deit_tiny_patch16_224"
OPTIONS: Options = dict(TINY)
DATA: Options = {"num_classes": 10, "in_chans": 1}
OWN: Options = {"img_size": 8, "patch_size": 2, "dim": 8, "depths": [1, 1]}  # of a network of this package
TOKENS, WIDTH = 17, TINY["embed_dim"]


@pytest.fixture(scope="module")
def tiny() -> Inventory:
    return take_inventory(DEIT, OPTIONS, DATA)


def test_the_whole_is_counted(tiny: Inventory) -> None:
    embedding = TOKENS * WIDTH + WIDTH + (4 * WIDTH + WIDTH)
    assert tiny.params == embedding + 3 * (12 * WIDTH**2 + 13 * WIDTH) + 2 * WIDTH + 10 * WIDTH + 10
    blocks = 3 * (12 * TOKENS * WIDTH**2 + 2 * TOKENS**2 * WIDTH)
    assert tiny.macs == 16 * 4 * WIDTH + blocks + 10 * WIDTH


def test_the_input_is_that_of_the_network_as_built(tiny: Inventory) -> None:
    assert tiny.input_size == (1, 8, 8)
    assert take_inventory(DEIT, {"depth": 1}, {}).input_size == (3, 224, 224)


def test_an_attention_owns_what_the_formula_says(tiny: Inventory) -> None:
    (attention,) = tiny.chosen(["blocks.1.attn"])
    assert attention.params == 4 * WIDTH**2 + 4 * WIDTH + 2 * WIDTH
    assert attention.macs == 4 * TOKENS * WIDTH**2 + 2 * TOKENS**2 * WIDTH
    assert (attention.kind, attention.depth, attention.block) == ("attention", 1, "blocks.1")


def test_scales_and_norms_inside_an_attention_are_owned_too(tiny: Inventory) -> None:
    more = take_inventory(DEIT, {**OPTIONS, "init_values": 0.1, "qk_norm": True}, DATA)
    head = WIDTH // TINY["num_heads"]
    assert more.sublayers[0].params - tiny.sublayers[0].params == WIDTH + 2 * (2 * head)


def test_what_a_target_can_remove_is_in_order_of_depth(tiny: Inventory) -> None:
    assert tuple(u.name for u in tiny.units("attention")) == ("blocks.0.attn", "blocks.1.attn", "blocks.2.attn")
    assert tuple(u.name for u in tiny.units("mlp")) == ("blocks.0.mlp", "blocks.1.mlp", "blocks.2.mlp")
    assert tuple(u.name for u in tiny.units("block")) == ("blocks.0", "blocks.1", "blocks.2")
    assert [s.name for s in tiny.units("block")[1].sublayers] == ["blocks.1.attn", "blocks.1.mlp"]


def test_equal_shapes_at_other_depths_are_one_structure(tiny: Inventory) -> None:
    assert structure(tiny, ["blocks.0.attn", "blocks.1.attn"]) == structure(tiny, ["blocks.2.attn", "blocks.0.attn"])


def test_other_kinds_and_counts_are_other_structures(tiny: Inventory) -> None:
    sets: list[list[str]] = [[], ["blocks.0.attn"], ["blocks.0.mlp"], ["blocks.0.attn", "blocks.0.mlp"]]
    assert len({structure(tiny, names) for names in sets}) == len(sets)


def test_other_shapes_are_other_structures(tiny: Inventory) -> None:
    wide = tiny.sublayers[0].model_copy(update={"shape": "wide"})
    uneven = tiny.model_copy(update={"sublayers": (wide, *tiny.sublayers[1:])})
    assert structure(uneven, ["blocks.0.attn"]) != structure(uneven, ["blocks.1.attn"])


def test_sublayers_of_another_width_have_another_shape(tiny: Inventory) -> None:
    wide = take_inventory(DEIT, {**OPTIONS, "embed_dim": 64}, DATA)
    assert wide.sublayers[0].shape != tiny.sublayers[0].shape
    assert len({s.shape for s in tiny.sublayers}) == 2


def test_an_unknown_sublayer_is_refused(tiny: Inventory) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown sublayer 'blocks\.3\.attn'; did you mean 'blocks\.2\.attn'"):
        structure(tiny, ["blocks.3.attn"])


def test_an_inventory_is_taken_once(tmp_path: Path, tiny: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "deep" / "inventory"
    assert kept_inventory(folder, DEIT, OPTIONS, DATA) == tiny
    monkeypatch.setattr(module, "take_inventory", lambda *_: pytest.fail("taken again"))
    assert kept_inventory(folder, DEIT, OPTIONS, DATA) == tiny
    assert [path.suffix for path in folder.iterdir()] == [".json"]


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", "\udcff", '{"architecture": "other"}'])
def test_a_damaged_inventory_is_remade(tmp_path: Path, tiny: Inventory, damage: str) -> None:
    kept_inventory(tmp_path, DEIT, OPTIONS, DATA)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage.encode(errors="surrogateescape"))
    assert kept_inventory(tmp_path, DEIT, OPTIONS, DATA) == tiny
    assert json.loads(path.read_text())["params"] == tiny.params


def test_options_and_data_each_have_their_own_inventory(tmp_path: Path) -> None:
    kept_inventory(tmp_path, DEIT, OPTIONS, DATA)
    kept_inventory(tmp_path, DEIT, {**OPTIONS, "depth": 2}, DATA)
    kept_inventory(tmp_path, DEIT, OPTIONS, {**DATA, "num_classes": 3})
    assert len(list(tmp_path.iterdir())) == 3


def test_another_timm_takes_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept_inventory(tmp_path, DEIT, OPTIONS, DATA)
    monkeypatch.setattr(module, "version", lambda _: "9.9.9")
    kept_inventory(tmp_path, DEIT, OPTIONS, DATA)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_change_of_our_own_networks_takes_theirs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept_inventory(tmp_path, "smlpnet_t", OWN, DATA)
    kept_inventory(tmp_path, DEIT, OPTIONS, DATA)
    monkeypatch.setattr(module, "code_digest", lambda _: "of a later version")
    assert kept_inventory(tmp_path, "smlpnet_t", OWN, DATA).code == "of a later version"
    assert kept_inventory(tmp_path, DEIT, OPTIONS, DATA).code == ""
    assert len(list(tmp_path.iterdir())) == 2


def test_a_network_that_does_not_run_at_a_size_says_so() -> None:
    import torch

    net = create("smlpnet_t", OWN, DATA, device="meta")
    with pytest.raises(SpecError, match=r"smlpnet_t cannot be run at \(1, 12, 8\): built for inputs of 8x8"):
        inventory_of(net, "smlpnet_t", torch.empty(1, 1, 12, 8, device="meta"))


def test_reading_a_kept_inventory_loads_no_torch(tmp_path: Path) -> None:
    kept_inventory(tmp_path, DEIT, OPTIONS, DATA)
    code = (
        "import sys, json, pathlib; from harness.inventory import kept_inventory, structure;"
        f"found = kept_inventory(pathlib.Path({str(tmp_path)!r}), {DEIT!r}, json.loads({json.dumps(OPTIONS)!r}),"
        f" json.loads({json.dumps(DATA)!r})); structure(found, [u.name for u in found.units('mlp')]);"
        "print(sorted({'torch', 'timm', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_without_a_family_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"^models\.0: no family says where a network of class .*ResNet"):
        kept_inventory(tmp_path, "resnet18", {}, {}, "models.0")
    assert not list(tmp_path.iterdir())


def test_a_model_that_cannot_be_built_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"^models\.0\.options\.depths: no such option"):
        kept_inventory(tmp_path, DEIT, {"depths": 3}, {}, "models.0")


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="an inventory cannot be kept"):
        kept_inventory(tmp_path / "file", DEIT, OPTIONS, DATA)
