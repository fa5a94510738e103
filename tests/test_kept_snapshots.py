"""Snapshots by name: kept, listed, dropped; what is damaged, changed or newer is a sentence."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import Plan, stored

from harness.errors import HarnessError, SpecError, StoreError
from harness.record_lines import FILE
from harness.snapshots import drop, existing, kept, place, read, save
from harness.store import Store

PLAN = Plan(study="first", seeds=(0,), criteria=("entropy",), contrast=None, counts=(2,))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A study and a snapshot of it, `base`."""
    found = stored(PLAN, Store(tmp_path / "results"))
    save(found, "first", place(found.root, "base") / "first")
    return found


def test_a_snapshot_is_read_as_it_was_saved(store: Store) -> None:
    found = read(place(store.root, "base") / "first")
    assert found.records == store.records("first")
    assert found.index == store.read_index("first")
    assert kept(store.root) == {"base": ("first",)}


@pytest.mark.parametrize("name", ["..", "a/b", "A", "", "x" * 65, ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused(store: Store, name: str) -> None:
    with pytest.raises(SpecError, match="must hold only"):
        place(store.root, name)


def test_dropping_takes_one_study_or_all_and_nothing_else(store: Store) -> None:
    save(store, "first", place(store.root, "base") / "other")
    assert drop(store.root, "base", "other") == ("other",)
    assert kept(store.root) == {"base": ("first",)}
    with pytest.raises(StoreError, match="holds no study 'thrid'"):
        drop(store.root, "base", "thrid")
    assert drop(store.root, "base") == ("first",)
    assert not place(store.root, "base").exists()
    with pytest.raises(StoreError, match="no snapshot 'base' in results; known: none"):
        existing(store.root, "base")
    assert len(store.records("first")) == 2


def _rewritten(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[bytes], bytes]:
    def changed(raw: bytes) -> bytes:
        lines = [json.loads(line) for line in gzip.decompress(raw).decode().splitlines()]
        change(lines)
        return gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())

    return changed


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda raw: raw[: len(raw) // 2], "damaged or was cut short"),
        (lambda raw: b"something else", "no file of this kind"),
        (lambda raw: gzip.compress(b"{}\n"), "does not begin with the plan of a study"),
        (lambda raw: gzip.compress(b""), "does not begin with the plan of a study"),
        (_rewritten(lambda lines: lines[1]["trial"].update(count=9)), "record 1: its checksum does not fit"),
        (_rewritten(lambda lines: lines[1].update(schema=99)), "schema 99 is newer than 1"),
        (_rewritten(lambda lines: lines.insert(1, [])), "record 1: not a JSON object"),  # type: ignore[arg-type]  # damage
    ],
)
def test_a_damaged_snapshot_says_how(store: Store, damage: Callable[[bytes], bytes], sentence: str) -> None:
    path = place(store.root, "base") / "first" / FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(HarnessError) as raised:
        read(path)
    assert sentence in str(raised.value)
    assert str(raised.value).startswith("first/records.jsonl.gz: not a readable snapshot")


def test_an_absent_snapshot_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a readable snapshot"):
        read(tmp_path / FILE)
