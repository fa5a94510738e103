"""Stage 2: for every count the units to remove, with the scores that chose them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from harness.artifacts import Artifact
from harness.criteria.base import Criterion, Scoring, criteria
from harness.families.base import Sublayer, Unit, units
from harness.families.catalogue import family_of
from harness.records import SelectionInfo
from harness.schema import Json, Options, digest
from harness.searches.base import Search, Selection, searches
from harness.stages.base import MICRO_BATCH, Bench, Network, Removed
from harness.surgery import removed
from harness.tasks.base import Batch

REVISION = 1
FILE = "selection.json"


def select(bench: Bench, prepared: Network) -> tuple[Removed, SelectionInfo, Artifact, bool]:
    """What the trial removes, and how that was found."""
    criterion = criteria.create(bench.spec.criterion or {})
    search = searches.create(bench.spec.search or {"name": criterion.searches[0]})
    asked = _asked(bench, prepared, criterion, search)
    artifact, reused = bench.obtain("select", asked, lambda folder: _make(bench, prepared, criterion, search, folder))
    selection = Selection.model_validate(artifact.read_json(FILE))
    names = selection.at(bench.spec.count or 0)
    chosen = [unit for unit in _units(bench, prepared) if unit.name in names]
    sublayers = tuple(sublayer for unit in chosen for sublayer in unit.sublayers)
    return Removed(sublayers), _at_count(selection.info, len(names)), artifact, reused


def _at_count(info: SelectionInfo, count: int) -> SelectionInfo:
    step = info.steps[count - 1] if len(info.steps) >= count else {}
    score = step.get("score")
    return info.model_copy(update={"set_score": float(score)} if isinstance(score, int | float) else {})


def _units(bench: Bench, prepared: Network) -> tuple[Unit, ...]:
    return units(family_of(prepared.net).sublayers(prepared.net), bench.spec.target or "attention")


def _seed(bench: Bench) -> int:
    """Draw d uses a seed derived from (selection seed, d)."""
    return int(digest([bench.spec.selection_seed, bench.spec.draw], 8), 16)


def _asked(bench: Bench, prepared: Network, criterion: Criterion, search: Search) -> Options:
    asked: Options = {
        "prepared": prepared.content,
        "target": bench.spec.target,
        "criterion": criterion.identity(),
        "search": search.identity(),
        "removal": bench.spec.removal,
        "revision": REVISION,
    }
    if criterion.is_random:
        asked["seed"] = _seed(bench)
    if criterion.needs_calibration:
        part = bench.data.parts["calibration"].info
        asked["calibration"] = {"sha256": part.sha256, "transform": part.transform, "micro_batch": MICRO_BATCH}
    return asked


def _make(bench: Bench, prepared: Network, criterion: Criterion, search: Search, folder: Path) -> str:
    batches = tuple(_calibration(bench, criterion)) if criterion.needs_calibration else ()

    def without(gone: tuple[Unit, ...]) -> AbstractContextManager[None]:
        sublayers: tuple[Sublayer, ...] = tuple(s for unit in gone for s in unit.sublayers)
        return removed(prepared.net, sublayers, bench.spec.removal)

    scoring = Scoring(
        net=prepared.net,
        task=bench.task,
        units=_units(bench, prepared),
        batches=batches,
        without=without,
        removal=bench.spec.removal,
        seed=_seed(bench),
    )
    found = search.select(criterion, scoring)
    extra: dict[str, object] = {"items": sum(map(len, batches)), "labels_used": criterion.uses_labels}
    extra |= {"micro_batch": {"asked": MICRO_BATCH, "used": MICRO_BATCH}} if batches else {}
    selection = found.model_copy(update={"info": found.info.model_copy(update=extra)})
    plain: Json = selection.model_dump(mode="json")
    (folder / FILE).write_text(json.dumps(plain), encoding="utf-8")
    return digest(plain, 16)


def _calibration(bench: Bench, criterion: Criterion) -> Iterator[Batch]:
    left = criterion.calibration_items or len(bench.data.parts["calibration"])
    for batch in bench.data.parts["calibration"].batches(MICRO_BATCH):
        if left <= 0:
            return
        yield Batch(batch.inputs[:left], batch.targets[:left]).to(bench.device)
        left -= len(batch)
