"""What training went with a removal, by its label: which kind, and how long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.results import TrialResult

UNITS = ("epochs", "steps")


@dataclass(frozen=True)
class Training:
    """A recovery of some kind, so many epochs or steps long."""

    kind: str
    length: int
    unit: str


def trainings(results: Iterable[TrialResult]) -> dict[str, Training]:
    """By the recovery's label; a recovery that trains nothing is left out."""
    found: dict[str, Training] = {}
    for result in results:
        spec = result.info.spec.get("recovery")
        if not isinstance(spec, dict):
            continue
        lengths = ((unit, spec.get(unit)) for unit in UNITS)
        held = next(((unit, length) for unit, length in lengths if isinstance(length, int)), None)
        if held is not None:
            found[result.info.recovery] = Training(str(spec.get("name")), held[1], held[0])
    return found
