"""Which architectures can lose sublayers, found once and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import layouts
from harness.layouts import kept_layouts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("layouts")


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, str | None]:
    return kept_layouts(folder)


def test_vision_transformers_can_lose_sublayers(found: dict[str, str | None]) -> None:
    assert found["deit_tiny_patch16_224"] is None
    assert found["vit_base_patch16_224"] is None


def test_every_other_architecture_has_a_reason(found: dict[str, str | None]) -> None:
    assert found["resnet50"]
    assert all(reason is None or reason.strip() for reason in found.values())


def test_they_are_found_once(found: dict[str, str | None], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "_layouts", dict)
    assert kept_layouts(folder) == found


def test_a_damaged_file_is_found_again(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(layouts, "_layouts", lambda: {"a": None})
    kept_layouts(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text("{")
    assert kept_layouts(tmp_path) == {"a": None}
    assert path.read_text() != "{"
