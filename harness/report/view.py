"""What the report of a study looks at: its plan, its newest results, and what is absent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from harness.errors import StoreError
from harness.records import Record, StudyIndex, TrialInfo
from harness.results import TrialResult, latest
from harness.store import Damaged, Reading, Store
from harness.tables.alone import Apart, apart
from harness.tables.checkpoints import CheckpointTest, checkpoint_tests
from harness.tables.columns import OUTCOME, Column
from harness.tables.frame import columns_of, conditions, frame
from harness.tables.machines import machine_words
from harness.tables.panels import Panel, across_runtimes, of_outcomes, of_selections, panels
from harness.tables.recommended import Recommendation, recommendations
from harness.tables.selections import Selected, selections

NO_RECORD = "no run of it has a record"


@dataclass(frozen=True)
class View:
    """A study as its records tell it; `missing` are planned trials without a record, `left_out` unplanned ones.

    `chosen` are the selections, panel by panel of those that share them.
    """

    index: StudyIndex
    has_plan: bool
    results: tuple[TrialResult, ...]
    table: pd.DataFrame
    columns: tuple[Column, ...]
    panels: tuple[Panel, ...]
    missing: tuple[TrialInfo, ...]
    left_out: int
    damaged: tuple[Damaged, ...]
    chosen: tuple[tuple[Panel, tuple[Selected, ...]], ...] = ()

    @cached_property
    def outcomes(self) -> tuple[Panel, ...]:
        """The panels that differ in what weights achieve: runtimes, which change costs alone, are no more of them."""
        return of_outcomes(self.panels)

    @cached_property
    def timed(self) -> tuple[tuple[Panel, ...], ...]:
        """For each panel of `outcomes` those of all its runtimes."""
        return across_runtimes(self.panels)

    @cached_property
    def checkpoint_tests(self) -> tuple[CheckpointTest, ...]:
        """Every candidate against its baseline and the contrast, item by item, as one family."""
        return checkpoint_tests(self.outcomes, self.results, self.contrast)

    @cached_property
    def recommendations(self) -> tuple[Recommendation, ...]:
        """What is recommended under each of the study's limits, or under the usual ones."""
        asked = self.index.recommend
        limits = None if asked is None else [bounds.given for bounds in asked]
        return recommendations(self.panels, self.results, limits, self.index.random_criteria)

    @cached_property
    def taken_apart(self) -> tuple[Apart, ...]:
        """The networks whose sublayers were measured one by one."""
        return apart(self.results)

    @cached_property
    def machines(self) -> dict[str, str]:
        """What each machine class is, in words."""
        return machine_words(self.results)

    @property
    def criteria(self) -> tuple[str, ...]:
        """Every criterion that has a trial, in the study's order; those that the plan does not name come last."""
        extra = {name for panel in self.panels for name in panel.criteria} - set(self.index.criteria)
        return (*self.index.criteria, *sorted(extra))

    @property
    def asks_accuracy(self) -> bool:
        """Whether the study wants to know what a removal loses, or only what it saves."""
        return bool({"accuracy", OUTCOME} & set(self.index.collectors))

    @property
    def reference_labels(self) -> frozenset[str]:
        """Labels of the models that stand beside the study, whole."""
        return _reference_labels(self.index)

    @property
    def good(self) -> tuple[TrialResult, ...]:
        """The results that hold measurements."""
        return tuple(result for result in self.results if result.status == "ok")

    @property
    def bad(self) -> tuple[TrialResult, ...]:
        """The results that are failed or skipped."""
        return tuple(result for result in self.results if result.status != "ok")

    @property
    def contrast(self) -> tuple[str, str] | None:
        """The pair that is tested once: the study's own, else its first two criteria."""
        if self.index.contrast is not None:
            return self.index.contrast
        return (self.index.criteria[0], self.index.criteria[1]) if len(self.index.criteria) > 1 else None


def view(store: Store, study: str, reading: Reading | None = None) -> View:
    """Reads a study, less what was read before; raises StoreError where there is neither a plan nor a record."""
    reading = reading or store.read(study)
    try:
        index, has_plan = store.read_index(study), True
    except StoreError:
        if not reading.records:
            raise
        index, has_plan = _index_from(study, reading.records), False
    return view_of(index, reading, has_plan=has_plan)


def view_of(index: StudyIndex, reading: Reading, *, has_plan: bool = True) -> View:
    """The view of a study that was read before."""
    planned = {trial.id: trial for trial in index.trials}
    found = latest(reading.records)
    # The present plan's labels are shown: a trial's id does not change when a study renames its criterion.
    results = tuple(replace(r, info=planned[r.info.id]) for r in found if r.info.id in planned)
    places = {trial_id: place for place, trial_id in enumerate(planned)}
    results = tuple(sorted(results, key=lambda r: (places[r.info.id], r.machine_class)))
    seen = {result.info.id for result in found}
    table = frame(results)
    beside = sorted(_reference_labels(index))
    found_panels = panels(table, index.criteria, conditions(results), _note(index, results), beside)
    sharing = of_selections(found_panels, index.criteria)
    return View(
        index=index,
        has_plan=has_plan,
        results=results,
        table=table,
        columns=columns_of(table, results),
        panels=found_panels,
        missing=tuple(trial for trial in index.trials if trial.id not in seen),
        left_out=len(seen - set(planned)),
        damaged=reading.damaged,
        chosen=tuple((panel, selections(panel, results)) for panel in sharing),
    )


def _reference_labels(index: StudyIndex) -> frozenset[str]:
    return frozenset(str(one["model"]) for one in index.references if "model" in one)


def _note(index: StudyIndex, results: tuple[TrialResult, ...]) -> str:
    is_limited = any(run.limited for result in results if result.status == "ok" for run in result.runs)
    notes = (("Synthetic data.", index.is_synthetic), ("A try-out on a limited number of items.", is_limited))
    return " ".join(note for note, applies in notes if applies)


def _index_from(study: str, records: tuple[Record, ...]) -> StudyIndex:
    trials = {record.trial.id: record.trial for record in records}
    drawn = {t.criterion for t in trials.values() if t.criterion and t.draw is not None}
    return StudyIndex(
        study=study,
        criteria=tuple(dict.fromkeys(t.criterion for t in trials.values() if t.criterion)),
        collectors=tuple(dict.fromkeys(m.metric for record in records for m in record.measurements)),
        command=f"python -m harness run studies/{study}.yaml",
        random_criteria=tuple(sorted(drawn)),
        trials=tuple(trials.values()),
    )
