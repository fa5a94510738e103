"""Stage 2: for every count the units to remove, with the scores that chose them."""

from __future__ import annotations

import json
from pathlib import Path

from harness.artifacts import Artifact
from harness.criteria.base import Criterion, UnitCriterion, criteria
from harness.families.base import Unit
from harness.plugins import blamed
from harness.records import SelectionInfo
from harness.schema import Json, Options, digest
from harness.searches.base import Search, Selection, searches
from harness.stages.base import MICRO_BATCH, Bench, Network, Removed, built
from harness.stages.budgets import count_for
from harness.stages.scoring import Passes, scoring_of, seed_of, units_of, within_memory

REVISION = 3
FILE = "selection.json"


def select(bench: Bench, prepared: Network) -> tuple[Removed, SelectionInfo, Artifact, bool]:
    """What the trial removes, and how that was found."""
    criterion, search = chosen(bench)
    asked = asked_for(bench, prepared, criterion, search)
    artifact, reused = bench.obtain("select", asked, lambda folder: _make(bench, prepared, criterion, search, folder))
    selection = Selection.model_validate(artifact.read_json(FILE))
    units = units_of(bench, prepared)
    info = selection.info
    count = bench.spec.count
    if count is None:
        count, saved = count_for(bench, prepared, selection, units)
        budget = {**(bench.spec.budget or {}), "saved": saved.share, "count": count}
        if saved.quality != "ok":
            budget["quality"] = saved.quality
        info = info.model_copy(update={"budget": budget})
    return _removed(units, selection.at(count)), _at_count(info, count), artifact, reused


def chosen(bench: Bench) -> tuple[Criterion, Search]:
    """The trial's criterion, and the search that goes with it."""
    criterion = criteria.create(bench.spec.criterion or {})
    return criterion, searches.create(bench.spec.search or {"name": criterion.searches[0]})


def _removed(units: tuple[Unit, ...], names: tuple[str, ...]) -> Removed:
    return Removed(tuple(sublayer for unit in units if unit.name in names for sublayer in unit.sublayers))


def _at_count(info: SelectionInfo, count: int) -> SelectionInfo:
    step = info.steps[count - 1] if len(info.steps) >= count else {}
    score = step.get("score")
    return info.model_copy(update={"set_score": float(score)} if isinstance(score, int | float) else {})


def asked_for(bench: Bench, prepared: Network, criterion: Criterion, search: Search) -> Options:
    """All that a selection goes by."""
    asked: Options = {
        "network": built(bench),
        "prepared": prepared.content,
        "target": bench.spec.target,
        "criterion": criterion.identity(),
        "search": search.identity(),
        "removal": bench.spec.removal,
        "revision": REVISION,
    }
    if criterion.is_random:
        asked["seed"] = seed_of(bench)
    if criterion.needs_calibration:
        part = bench.data.parts["calibration"].info
        asked["calibration"] = {"sha256": part.sha256, "transform": part.transform, "micro_batch": MICRO_BATCH}
    return asked


def _make(bench: Bench, prepared: Network, criterion: Criterion, search: Search, folder: Path) -> str:
    with blamed(criterion, search):
        found, used = within_memory(lambda size: _scored(bench, prepared, criterion, search, size))
    extra = {"micro_batch": {"asked": MICRO_BATCH, "used": used}} if criterion.needs_calibration else {}
    selection = found.model_copy(update={"info": found.info.model_copy(update=extra)})
    plain: Json = selection.model_dump(mode="json")
    (folder / FILE).write_text(json.dumps(plain), encoding="utf-8")
    return digest(plain, 16)


def _scored(bench: Bench, prepared: Network, criterion: Criterion, search: Search, micro_batch: int) -> Selection:
    scoring = scoring_of(bench, prepared, criterion, micro_batch)
    items = sum(map(len, scoring.batches))
    passes = Passes(prepared.net)
    with passes.counted():
        found = search.select(criterion, scoring)
    price = {
        "items": items,
        "labels_used": criterion.reads_labels and bench.task.needs_labels,
        "gradients_used": criterion.backward_passes > 0,
        "forward_passes": passes.over(items),
        "backward_passes": float(criterion.backward_passes * _times(criterion, found)),
    }
    return found.model_copy(update={"info": found.info.model_copy(update=price)})


def _times(criterion: Criterion, found: Selection) -> int:
    """How often a criterion of units went over the items: once, or once for each step of `iterative`."""
    return found.info.evaluations or 1 if isinstance(criterion, UnitCriterion) else 1
