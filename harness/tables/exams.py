"""Benchmarks question by question: each network without some sublayers against itself whole, on the same questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from harness.records import Outcome
from harness.results import TrialResult
from harness.stats import holm
from harness.tables.checkpoints import BASELINE, CheckpointTest, compared, rows_in, rows_of
from harness.tables.items import Fetch, Kept, Right, right
from harness.tables.panels import Panel

METRIC = "lm_eval"
FILE = "exam_tests.csv"


@dataclass(frozen=True)
class ExamTest:
    """A test of one checkpoint on one exam, which `exam` names with its settings; `score` is the baseline's."""

    exam: str
    score: float
    test: CheckpointTest


def exam_tests(panels: Sequence[Panel], fetch: Fetch) -> tuple[ExamTest, ...]:
    """Every candidate against its baseline on every exam, adjusted as one family by Holm's method."""
    kept = Kept(fetch, _answered)
    found = [test for panel in panels for test in _of_panel(panel, kept)]
    distinct = {(one.exam, one.test.verdicts): one.test.p for one in found}
    adjusted = dict(zip(distinct, holm(list(distinct.values())), strict=True))
    return tuple(
        replace(one, test=replace(one.test, adjusted=adjusted[one.exam, one.test.verdicts], family=len(distinct)))
        for one in found
    )


def exam_rows(tests: Sequence[ExamTest]) -> pd.DataFrame:
    """All tests, one row each, in shares of questions."""
    rows = rows_of([one.test for one in tests])
    rows.insert(1, "exam", [one.exam for one in tests])
    return rows


def _answered(result: TrialResult) -> dict[str, Right]:
    """Which questions a trial answered right, by exam."""
    held = ((_named(one), right(one)) for one in result.outcomes if one.metric == METRIC)
    return {name: own for name, own in held if own is not None}


def _named(outcome: Outcome) -> str:
    """`hellaswag (acc_norm, 10 shots)`, other settings where they are set."""
    at = {**outcome.at}
    task, measure, shots = at.pop("task", "?"), at.pop("measure", "?"), at.pop("shots", 0)
    told = [str(measure), *([f"{shots} shots"] if shots else []), *(f"{key} {value}" for key, value in at.items())]
    return f"{task} ({', '.join(told)})"


def _of_panel(panel: Panel, kept: Kept[dict[str, Right]]) -> Iterator[ExamTest]:
    for row in rows_in(panel.candidates):
        trial = str(row["id"]), str(row["machine_class"])
        mine: Mapping[str, Right] = kept.of(trial) or {}
        whole: Mapping[str, Right] = kept.of_baseline(trial) or {}
        for exam in (name for name in mine if name in whole):
            for test in compared(panel, row, BASELINE, mine[exam], whole[exam]):
                yield ExamTest(exam, float(whole[exam].bits.mean()), test)
