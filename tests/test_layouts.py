"""Every architecture of timm is addressed or refused with a reason; found once and kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import timm

from harness import layouts as module
from harness.families.catalogue import families, family_of
from harness.layouts import UNCLASSIFIED, Standing, decoders, kept_layouts
from harness.models import architectures, create

SMALLEST = {  # of each module in which no name is small
    "convit": "convit_tiny",
    "vision_transformer_sam": "samvit_base_patch16_224",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("layouts")


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Standing]:
    return kept_layouts(folder)


def test_every_architecture_has_a_standing(found: dict[str, Standing]) -> None:
    assert sorted(found) == architectures()
    assert all(bool(standing.family) != bool(standing.reason) for standing in found.values())


def test_none_is_unclassified(found: dict[str, Standing]) -> None:
    assert not [name for name, standing in found.items() if standing.reason == UNCLASSIFIED]


def test_the_reasons_against_are_few(found: dict[str, Standing]) -> None:
    assert len({standing.reason for standing in found.values()} - {""}) <= 10


def test_vision_transformers_can_lose_sublayers(found: dict[str, Standing]) -> None:
    assert found["deit_tiny_patch16_224"].family == "vision_transformer"
    assert found["vit_base_patch16_xp_224"].family == "vision_transformer"
    assert found["resnet50"].reason.startswith("a plain convolutional network")


def test_every_family_addresses_some(found: dict[str, Standing]) -> None:
    assert {standing.family for standing in found.values()} - {""} == {
        family.name for family in families() if family.library in {"timm", "harness"}
    }


@pytest.mark.slow
def test_what_is_said_of_a_module_is_true_of_its_smallest_network(found: dict[str, Standing]) -> None:
    """Of one name in each module; `benchmarks` and the page of families speak of all."""
    for home in timm.list_modules():
        names = [name for name in timm.list_models(module=home) if found[name].family]
        if names:
            name = SMALLEST.get(home, min(names, key=_length))
            net = create(name, {}, {}, device="meta")
            assert family_of(net).name == found[name].family, name
            assert family_of(net).sublayers(net), name


def _length(name: str) -> tuple[int, str]:
    small = ("atto", "xxs", "nano", "test", "tiny", "_t", "small", "_s", "b0", "s0", "m0")
    return next((at for at, word in enumerate(small) if word in name), len(small)), name


def test_they_are_found_once(found: dict[str, Standing], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "layouts", dict)
    assert kept_layouts(folder) == found


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a": 1}', '{"a": {"b": 1}}'])
def test_a_damaged_file_is_found_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str) -> None:
    monkeypatch.setattr(module, "layouts", lambda: {"a": Standing("home", "family")})
    kept_layouts(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(damage)
    assert kept_layouts(tmp_path) == {"a": Standing("home", "family")}
    assert path.read_text() != damage


def test_where_a_module_is_addressed_and_refused_the_network_tells(found: dict[str, Standing]) -> None:
    mixed = {s.module for s in found.values() if s.family} & {s.module for s in found.values() if s.reason}
    for home in mixed:
        counts = Counter(bool(standing.family) for standing in found.values() if standing.module == home)
        assert counts[True]
        assert counts[False]
    assert found["mobilenetv3_large_100"] == replace(found["mobilenetv3_large_100"], family="")


def test_types_of_decoders_are_those_of_their_families() -> None:
    assert decoders() == sorted(family.name for family in families() if family.library == "transformers")
    assert {"llama", "gemma3_text", "falcon"} <= set(decoders())
