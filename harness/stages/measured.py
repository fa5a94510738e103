"""Measurements as artifacts: how evaluate and cost keep what a collector found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from harness.collectors.base import Collector
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


def answers(collector: Collector, asked_keys: frozenset[str]) -> bool:
    """Whether a collector answers anything that is still to be measured."""
    return any(asked.key in asked_keys for asked in collector.asked())
