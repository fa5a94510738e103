"""What the report of a study looks at: its plan, a row for each trial, and what is absent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from harness.errors import StoreError
from harness.ledger.planned import Plan, plan_of, read_plan, reference_labels
from harness.ledger.rows import Rows, labelled, read_rows
from harness.ledger.shelf import Shelf, of_results, on_disk
from harness.records import Environment, Record, StudyIndex
from harness.results import TrialResult, latest
from harness.store import Damaged, Reading, Store
from harness.tables.activity import Active, activity, whole_and_counted
from harness.tables.alone import Apart, apart, soundest
from harness.tables.checkpoints import CheckpointTest, checkpoint_tests
from harness.tables.columns import Column, dictionary
from harness.tables.cutting import across_runtimes, of_outcomes, of_selections, panels
from harness.tables.documents import DocumentTest, document_tests
from harness.tables.exams import METRIC, ExamTest, exam_tests
from harness.tables.facts import APART, ENVIRONMENT, counts, tuples_of
from harness.tables.frame import sheet
from harness.tables.machines import machine_words
from harness.tables.panels import Panel
from harness.tables.qualities import BITS, Quality, asked_of, quality_of
from harness.tables.recommended import Recommendation, recommendations
from harness.tables.selections import Selected, selections

NO_RECORD = "no run of it has a record"
MOST_ITEMISED = 2_000  # candidates; of more the networks speak, and no family of tests of single checkpoints is made


@dataclass(frozen=True)
class View:
    """A study as its records tell it: `rows` are its trials with their facts, `table` what trials.csv shows of them.

    `missing` are the planned trials without a record, `left_out` counts those with one that the plan does not hold.
    `shelf` has whole results, for the few things that a row does not tell. `chosen` are the selections, panel by panel
    of those that share them.
    """

    plan: Plan
    has_plan: bool
    rows: pd.DataFrame
    shelf: Shelf
    table: pd.DataFrame
    columns: tuple[Column, ...]
    panels: tuple[Panel, ...]
    missing: pd.DataFrame
    left_out: int
    damaged: tuple[Damaged, ...]
    chosen: tuple[tuple[Panel, tuple[Selected, ...]], ...] = ()

    @property
    def index(self) -> StudyIndex:
        """The plan without its trials."""
        return self.plan.head

    @cached_property
    def results(self) -> tuple[TrialResult, ...]:
        """Every trial whole, in the order of the rows: all records are read for that."""
        return self.shelf.of(self.rows["id"])

    @property
    def is_itemised(self) -> bool:
        """Whether checkpoints are compared item by item."""
        return sum(len(panel.candidates) for panel in self.outcomes) <= MOST_ITEMISED

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
        """Every candidate against its baseline and the contrast, item by item, as one family; none for too many."""
        if not self.is_itemised or self.quality == BITS:
            return ()
        return checkpoint_tests(self.outcomes, self.shelf.of, self.contrast)

    @cached_property
    def document_tests(self) -> tuple[DocumentTest, ...]:
        """Every candidate of a text against its baseline, document by document; none for too many."""
        is_text = self.quality == BITS
        return document_tests(self.outcomes, self.shelf.of) if is_text and self.is_itemised else ()

    @cached_property
    def exam_tests(self) -> tuple[ExamTest, ...]:
        """Every candidate against its baseline, question by question; none where nothing was asked, or for too many."""
        is_asked = METRIC in self.index.collectors
        return exam_tests(self.outcomes, self.shelf.of) if is_asked and self.is_itemised else ()

    @cached_property
    def recommendations(self) -> tuple[Recommendation, ...]:
        """What is recommended under each of the study's limits, or under the usual ones."""
        asked = self.index.recommend
        limits = None if asked is None else [bounds.given for bounds in asked]
        return recommendations(self.panels, self.shelf.of, limits, self.index.random_criteria)

    @cached_property
    def taken_apart(self) -> tuple[Apart, ...]:
        """The networks whose sublayers were measured one by one."""
        return apart(self.shelf.of(soundest(self.rows[self.rows[APART].notna()])))

    @cached_property
    def machines(self) -> dict[str, str]:
        """What each machine class is, in words."""
        known = self.rows.dropna(subset=ENVIRONMENT).drop_duplicates("machine_class")
        environments = map(Environment.model_validate_json, known[ENVIRONMENT])
        return machine_words(zip(known["machine_class"], environments, strict=True))

    @property
    def criteria(self) -> tuple[str, ...]:
        """Every criterion that has a trial, in the study's order; those that the plan does not name come last."""
        extra = {name for panel in self.panels for name in panel.criteria} - set(self.index.criteria)
        return (*self.index.criteria, *sorted(extra))

    @property
    def asks_quality(self) -> bool:
        """Whether the study wants to know what a removal loses, or only what it saves."""
        return asked_of(self.index.collectors)

    @cached_property
    def quality(self) -> Quality:
        """What criteria are compared by."""
        return quality_of(self.table)

    @property
    def reference_labels(self) -> frozenset[str]:
        """Labels of the models that stand beside the study, whole."""
        return reference_labels(self.index)

    @cached_property
    def good(self) -> pd.DataFrame:
        """The rows that hold measurements."""
        return self.rows[self.rows["status"] == "ok"]

    @cached_property
    def good_table(self) -> pd.DataFrame:
        """The same rows of the trials table."""
        return self.table[(self.rows["status"] == "ok").to_numpy()]

    @cached_property
    def active(self) -> tuple[Active, ...]:
        """How many hidden units fire in the networks that nothing was removed from; references come last."""
        found = activity(self.shelf.of(whole_and_counted(self.good_table)))
        return tuple(sorted(found, key=lambda one: one.model in self.reference_labels))

    @cached_property
    def environments(self) -> tuple[Environment, ...]:
        """The different environments of the good rows."""
        return tuple(Environment.model_validate_json(told) for told, _ in counts(self.good[ENVIRONMENT]))

    @cached_property
    def bad(self) -> pd.DataFrame:
        """The rows of trials that are failed or skipped."""
        return self.rows[self.rows["status"] != "ok"]

    @property
    def contrast(self) -> tuple[str, str] | None:
        """The pair that is tested once: the study's own, else its first two criteria."""
        if self.index.contrast is not None:
            return self.index.contrast
        return (self.index.criteria[0], self.index.criteria[1]) if len(self.index.criteria) > 1 else None


def view(store: Store, study: str) -> View:
    """The study in a results folder; raises StoreError where there is neither a plan nor a record.

    Rows that were made before, of records that have not changed, are not made again.
    """
    try:
        plan = read_plan(store, study)
    except StoreError:
        reading = store.read(study)
        if not reading.records:
            raise
        return view_of(index_from(study, reading.records), reading, has_plan=False)
    return _viewed(plan, read_rows(store, study, plan), on_disk(store, study, plan))


def view_of(index: StudyIndex, reading: Reading, *, has_plan: bool = True) -> View:
    """The view of a study that was read before."""
    plan = plan_of(index)
    found = latest(reading.records)
    results = [labelled(result, plan) for result in found if result.info.id in plan.places]
    results.sort(key=lambda result: (plan.places[result.info.id], result.machine_class))
    left_out = {result.info.id for result in found} - plan.places.keys()
    rows = Rows(sheet(results), len(left_out), reading.damaged)
    return _viewed(plan, rows, of_results(results), has_plan=has_plan)


def _viewed(plan: Plan, found: Rows, shelf: Shelf, *, has_plan: bool = True) -> View:
    rows, index = found.sheet.rows, plan.head
    table = found.sheet.table()
    beside = sorted(reference_labels(index))
    found_panels = panels(table, index.criteria, found.sheet.conditions, _note(index, rows), beside, index.networks)
    sharing = of_selections(found_panels, index.criteria)
    measured = {trial for (trial,) in tuples_of(rows[["id"]])}
    return View(
        plan=plan,
        has_plan=has_plan,
        rows=rows,
        shelf=shelf,
        table=table,
        columns=dictionary([str(name) for name in table.columns], found.sheet.units),
        panels=found_panels,
        missing=plan.table[[trial not in measured for (trial,) in tuples_of(plan.table[["id"]])]],
        left_out=found.left_out,
        damaged=found.damaged,
        chosen=tuple((panel, selections(panel, rows)) for panel in sharing),
    )


def _note(index: StudyIndex, rows: pd.DataFrame) -> str:
    is_limited = bool(rows["limited"][rows["status"] == "ok"].any()) if len(rows) else False
    notes = (("Synthetic data.", index.is_synthetic), ("A try-out on a limited number of items.", is_limited))
    return " ".join(note for note, applies in notes if applies)


def index_from(study: str, records: tuple[Record, ...]) -> StudyIndex:
    """What records tell of a plan that is not there: the trials that ran."""
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
