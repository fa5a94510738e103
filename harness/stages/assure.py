"""How sure and how good a selection is: made again on other items, and told from the best and the mean of all sets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.artifacts import Artifact
from harness.collectors.base import SelectionCollector
from harness.collectors.optimum import OptimumCollector
from harness.collectors.stability import StabilityCollector
from harness.plugins import blamed
from harness.records import Measurement
from harness.schema import Json, Options, digest
from harness.stability import stability
from harness.stages.base import MICRO_BATCH, Bench, Network, Removed
from harness.stages.scoring import scoring_of, units_of, within_memory
from harness.stages.select import asked_for, chosen
from harness.stages.table import optimum_of, table

REVISION = 1
FILE = "stability.json"
NOTHING = "nothing is removed"
Used = list[tuple[Artifact, bool]]


def assure(
    bench: Bench, prepared: Network, gone: Removed, collectors: Sequence[SelectionCollector]
) -> tuple[tuple[Measurement, ...], dict[str, Any], Used]:
    """The measurements, the details for the record's selection by field, and the artifacts behind them."""
    measurements: list[Measurement] = []
    details: dict[str, Any] = {}
    used: Used = []
    for collector in collectors:
        bench.progress("assure", collector.name)
        if not gone.sublayers:
            measurements.append(collector.answer(None, NOTHING))
        elif isinstance(collector, StabilityCollector):
            found = _stability(bench, prepared, collector, used)
            details["stability"] = found
            measurements.append(_sure(collector, found))
        elif isinstance(collector, OptimumCollector):
            found = _optimum(bench, prepared, gone, collector, used)
            details["optimum"] = found
            measurements.append(_good(collector, found))
    return tuple(measurements), {key: value for key, value in details.items() if value is not None}, used


def _sure(collector: StabilityCollector, found: dict[str, Any] | None) -> Measurement:
    if found is None:
        return collector.answer(None, "the criterion looks at no calibration items")
    largest = found["sizes"][max(found["sizes"], key=int)]
    return collector.answer(largest["tau"], None, found)


def _good(collector: OptimumCollector, found: dict[str, Any] | None) -> Measurement:
    if found is None:
        return collector.answer(None, "sets of this size were not evaluated")
    reason = None if found["gain"] is not None else "the best set is no better than the mean of all sets"
    return collector.answer(found["gain"], reason, found)


def _stability(bench: Bench, prepared: Network, collector: StabilityCollector, used: Used) -> dict[str, Any] | None:
    criterion, search = chosen(bench)
    if not criterion.needs_calibration:
        return None
    asked: Options = {
        "seed": None,
        **asked_for(bench, prepared, criterion, search),
        "stability": collector.options(),
        "revision": REVISION,
    }

    def searched(micro_batch: int) -> dict[str, Json]:
        scoring = scoring_of(bench, prepared, criterion, micro_batch)
        return stability(criterion, search, scoring, collector.subsets, collector.sizes) or {}

    def make(folder: Path) -> str:
        with blamed(criterion, search):
            found, used = within_memory(searched)
        if used != MICRO_BATCH:
            found["micro_batch"] = {"asked": MICRO_BATCH, "used": used}
        (folder / FILE).write_text(json.dumps(found), encoding="utf-8")
        return digest(found, 16)

    artifact, reused = bench.obtain("stability", asked, make)
    used.append((artifact, reused))
    found: dict[str, Any] | None = artifact.read_json(FILE)  # type: ignore[assignment]  # as `make` wrote it
    return found


def _optimum(
    bench: Bench, prepared: Network, gone: Removed, collector: OptimumCollector, used: Used
) -> dict[str, Any] | None:
    names = set(gone.names)
    removed = tuple(u.name for u in units_of(bench, prepared) if {s.name for s in u.sublayers} <= names)
    if collector.up_to is not None and len(removed) > collector.up_to:
        return None
    found, artifact, reused = table(bench, prepared, collector.up_to)
    used.append((artifact, reused))
    return optimum_of(found, removed)
