"""What training went with a removal, by its label: which kind, and how long."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from harness.tables.facts import RECOVERY

UNITS = ("epochs", "steps")


@dataclass(frozen=True)
class Training:
    """A recovery of some kind, so many epochs or steps long."""

    kind: str
    length: int
    unit: str


def trainings(rows: pd.DataFrame) -> dict[str, Training]:
    """By the recovery's label; a recovery that trains nothing is left out."""
    found: dict[str, Training] = {}
    told = rows[["recovery", RECOVERY]].dropna().drop_duplicates("recovery")
    for label, text in told.itertuples(index=False, name=None):
        spec = json.loads(text)
        if not isinstance(spec, dict):
            continue
        lengths = ((unit, spec.get(unit)) for unit in UNITS)
        held = next(((unit, length) for unit, length in lengths if isinstance(length, int)), None)
        if held is not None:
            found[label] = Training(str(spec.get("name")), held[1], held[0])
    return found
