"""A real study's records to be changed by hand: its files, and changes that keep every checksum right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.record_lines import FILE
from harness.schema import sha256
from harness.snapshots import restore
from harness.store import Store

REFERENCE = Path(__file__).parent.parent / "results" / "snapshots" / "reference"
Plain = dict[str, Any]


def restored(folder: Path, study: str = "runtimes_gpu") -> Path:
    """The reference records of a study as a results folder."""
    restore(REFERENCE / study, Store(folder))
    return folder


def a_record(folder: Path, word: str = "mlp-last-k6-s0-326093") -> Path:
    """One candidate's file."""
    return next(path for path in sorted(folder.glob("*/*/*.json")) if word in path.parent.name)


def changed(path: Path, change: Callable[[Plain], None]) -> None:
    """Puts a changed record in place of one, with a checksum that fits: what a forger would do."""
    raw = json.loads(path.read_text())
    raw.pop("checksum")
    change(raw)
    path.write_text(json.dumps({**raw, "checksum": sha256(raw)}))


def snapshot(study: str) -> Path:
    """The file of a reference snapshot."""
    return REFERENCE / study / FILE
