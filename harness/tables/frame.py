"""One row per trial and machine class, one column per axis, metric and derived quantity."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from harness.records import Measurement
from harness.results import TrialResult
from harness.schema import Json
from harness.tables.columns import AXES, FIXED, OUTCOME, Column, companion, dictionary
from harness.tables.derived import Baselines, speedup_degradation
from harness.tables.facts import FACTS, MARK, facts_of
from harness.tables.row import DEGRADATION, Question, base_of, first_asked, row_of, spelled_at

INTEGERS = ("draw", "count", "of", "model_seed", "selection_seed", "recovery_seed")
DROP, SPEEDUP = f"{OUTCOME}_drop", "speedup"
PLAIN = re.compile(r"[\w@.:=+/ -]*", re.ASCII)  # what no field needs quotes for
WHOLE = ("items", "attempts")  # words of columns that count


@dataclass(frozen=True)
class Naming:
    """The column of each measurement: the first `at` of a metric has the bare name, others tell theirs."""

    first: Mapping[tuple[str, str | None], str]

    @classmethod
    def of(cls, results: Sequence[TrialResult]) -> Naming:
        """The naming of a study."""
        return cls(first_asked(row_of(result, None).questions for result in results))

    def suffix(self, measurement: Measurement) -> str:
        """`@batch=128`, or nothing for the first conditions."""
        return self._suffix(measurement.metric, measurement.split, spelled_at(measurement))

    def column(self, measurement: Measurement) -> str:
        """`top1`, `top1_validation`, `images_per_s@batch=128`."""
        return f"{base_of(measurement)}{self.suffix(measurement)}"

    def renamed(self, whole: str, about: Question) -> str:
        """What a column is called of which the whole name and what it is about are known."""
        return whole.partition("@")[0] + self._suffix(about.metric, about.split, about.at)

    def _suffix(self, metric: str, split: str | None, at: str) -> str:
        return "" if not at or at == self.first.get((metric, split)) else f"@{at}"


@dataclass(frozen=True)
class Sheet:
    """Rows under whole names, with the facts of each; `questions` says what a column is about that has conditions."""

    rows: pd.DataFrame
    questions: Mapping[str, Question] = field(default_factory=dict)

    @cached_property
    def shapes(self) -> tuple[tuple[str, ...], ...]:
        """The lists of columns that rows have, in the order of the first row of each."""
        return tuple(tuple(json.loads(shape)) for shape in self.rows[SHAPE].dropna().unique()) or (EMPTY,)

    @cached_property
    def naming(self) -> Naming:
        """Which conditions have bare names."""
        return Naming(first_asked(self._asked(shape) for shape in self.shapes))

    @property
    def units(self) -> dict[str, str]:
        """The unit of each measured column by its name in the table."""
        named = self.naming
        return {named.renamed(name, q): q.unit for name, q in self.questions.items() if q.unit is not None}

    @property
    def conditions(self) -> dict[str, str]:
        """Under which conditions the bare column of a metric was measured: `batch 1`."""
        spelled = {metric: at for (metric, split), at in self.naming.first.items() if split is None and at}
        return {metric: at.replace("=", " ").replace(",", ", ") for metric, at in spelled.items()}

    def table(self) -> pd.DataFrame:
        """The trials table in base units, in the order of the rows."""
        names = dict.fromkeys(name for shape in self.shapes for name in shape)
        new = {name: self.naming.renamed(name, self.questions[name]) for name in names if name in self.questions}
        return _with_degradation(self.rows[list(names)].rename(columns=new))

    def _asked(self, shape: Iterable[str]) -> dict[str, Question]:
        return {name: self.questions[name] for name in shape if name in self.questions}


def sheet(results: Sequence[TrialResult], others: Iterable[TrialResult] = ()) -> Sheet:
    """The rows of results, each with its baseline among them or the others."""
    baselines = Baselines([*results, *others])
    found = [row_of(result, baselines.of(result)) for result in results]
    questions = {name: one for row in found for name, one in row.questions.items()}
    facts = [{**facts_of(r), SHAPE: json.dumps([*row.cells])} for r, row in zip(results, found, strict=True)]
    return Sheet(typed([row.cells | told for row, told in zip(found, facts, strict=True)]), questions)


SHAPE = f"{MARK}shape"  # the columns that a row has
EMPTY = ("id", "machine_class", "status", *AXES)


def typed(rows: Sequence[Mapping[str, Json]]) -> pd.DataFrame:
    """Rows as columns, whole numbers as such; without any row the names of what every row has."""
    names = list(dict.fromkeys(name for row in rows for name in row)) or [
        *(column.name for column in FIXED),
        *FACTS,
        SHAPE,
    ]
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pd.DataFrame({name: column_of(name, values) for name, values in columns.items()})


def column_of(name: str, values: Sequence[Json]) -> pd.Series:
    """The values of a column; `Int64` where it counts."""
    if name in INTEGERS or companion(name) in WHOLE:
        return pd.Series(list(values), dtype="Int64")
    return pd.Series(list(values), dtype=None if len(values) else object)


def _with_degradation(table: pd.DataFrame) -> pd.DataFrame:
    """gamma is of the bare columns of both its parts; without a row that has them there is no such column."""
    if DEGRADATION not in table:
        return table
    if SPEEDUP not in table:
        return table.drop(columns=DEGRADATION)
    pairs = table[[DROP, SPEEDUP]].astype(float).dropna()
    if not len(pairs):
        return table.drop(columns=DEGRADATION)
    found = [speedup_degradation(drop, speed) for drop, speed in pairs.itertuples(index=False, name=None)]
    return table.assign(**{DEGRADATION: pd.Series(found, index=pairs.index, dtype=float).reindex(table.index)})


def frame(results: Sequence[TrialResult]) -> pd.DataFrame:
    """The trials table in base units, in the order of the results."""
    return sheet(results).table()


def columns_of(table: pd.DataFrame, results: Sequence[TrialResult]) -> tuple[Column, ...]:
    """The column dictionary of `table`, the frame of these results."""
    return dictionary([str(name) for name in table.columns], sheet(results).units)


def conditions(results: Sequence[TrialResult]) -> dict[str, str]:
    """Under which conditions the bare column of a metric was measured: `batch 1`."""
    return sheet(results).conditions


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Puts the table into a file that reads back to the same numbers."""
    path.write_text(csv_text(table), encoding="utf-8")


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV that reads back to the same numbers; as pandas writes it, in a third of the time."""
    head = ",".join(map(_quoted, map(str, table.columns)))
    lines = map(",".join, zip(*(_spelled(table[name]) for name in table), strict=True))
    return "\n".join([head, *lines, ""])


def _spelled(column: pd.Series) -> Sequence[str]:
    """The values as fields of a line, each different one spelled once; nothing is empty."""
    codes, values = pd.factorize(column)
    told = [repr(float(value)) if isinstance(value, float) else _quoted(str(value)) for value in values]
    return list(np.array([*told, ""], dtype=object)[codes])  # code -1 is the last one


def _quoted(text: str) -> str:
    if PLAIN.fullmatch(text):
        return text
    field = io.StringIO()
    csv.writer(field, lineterminator="\n").writerow((text, ""))
    return field.getvalue()[:-2]
