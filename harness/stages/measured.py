"""Measurements as artifacts: how evaluate and cost keep what a collector found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from harness.records import Measurement, Outcome
from harness.schema import Json, Schema, digest

FILE = "measured.json"


class Measured(Schema):
    """Everything one collector found in one go."""

    measurements: tuple[Measurement, ...]
    outcomes: tuple[Outcome, ...] = ()


def writer(measure: Callable[[], Measured]) -> Callable[[Path], str]:
    """What fills an artifact's folder with measurements, and names their content."""

    def make(folder: Path) -> str:
        plain: Json = measure().model_dump(mode="json")
        (folder / FILE).write_text(json.dumps(plain), encoding="utf-8")
        return digest(plain, 16)

    return make


def together(parts: Iterable[Measured]) -> Measured:
    """Several findings as one."""
    held = list(parts)
    return Measured(
        measurements=tuple(m for one in held for m in one.measurements),
        outcomes=tuple(o for one in held for o in one.outcomes),
    )
