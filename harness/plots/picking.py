"""Rows of the trials table for a figure of one's own: columns by name, and values that they must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from harness.errors import Problem, UnknownNameError, short, suggestion, unknown
from harness.tables.columns import FIXED, companion

BASELINE = "baseline"
WORDS = ("reason", "warnings", "quality", "attempts")  # companions that say something about a number and are none


@dataclass(frozen=True)
class Wish:
    """The columns of both axes and of what sets series apart, and the values that others must have, any of each."""

    x: str
    y: str
    by: str | None = None
    where: Mapping[str, tuple[str, ...]] | None = None

    @property
    def words(self) -> str:
        """The values that were asked for."""
        return ", ".join(f"{name} {' or '.join(values)}" for name, values in (self.where or {}).items())


def conditions(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`{"criterion": ("entropy", "last")}` of `criterion=entropy` and `criterion=last`; raises for another form."""
    found: dict[str, tuple[str, ...]] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UnknownNameError(Problem("--where", f"{short(word)} is not COLUMN=VALUE"))
        found[name] = (*found.get(name, ()), value)
    return found


def picked(table: pd.DataFrame, wish: Wish) -> pd.DataFrame:
    """The trials that went well and are asked for; raises UnknownNameError with every name that is not there."""
    asked = {"--x": wish.x, "--y": wish.y, "--by": wish.by, **{f"--where {n}": n for n in wish.where or {}}}
    names = [str(name) for name in table.columns]
    likely = [name for name in names if companion(name) not in WORDS]
    problems = [unknown("column", name, likely, where) for where, name in asked.items() if name and name not in names]
    if problems:
        raise UnknownNameError(problems)
    rows = table[table["status"] == "ok"]
    rows = rows.assign(criterion=rows["criterion"].astype(object).where(rows["criterion"].notna(), BASELINE))
    for name, values in (wish.where or {}).items():
        rows = rows[_matches(rows[name], name, values)]
    # Beside criteria the baseline is a series of its own; among anything else it would be averaged with candidates.
    asked_for = wish.by == "criterion" or wish.x == "criterion" or "criterion" in (wish.where or {})
    return rows if asked_for else rows[rows["criterion"] != BASELINE]


def is_number(values: pd.Series) -> bool:
    """Whether a column can be an axis with a scale."""
    held = values.dropna()
    if is_bool_dtype(held) or not len(held):
        return False
    return is_numeric_dtype(held) or all(isinstance(value, int | float) for value in held)


def is_measured(name: str) -> bool:
    """Whether a column was measured or computed, and neither asked for by the study nor words about a number."""
    return companion(name) not in WORDS and all(column.name != name for column in FIXED)


def _matches(values: pd.Series, name: str, wanted: Sequence[str]) -> pd.Series:
    spelled = values.map(_spelled)
    known = list(dict.fromkeys(spelled.dropna()))
    problems = [
        Problem(f"--where {name}", f"no trial has {short(value)}; {suggestion(value, known)}")
        for value in wanted
        if _spelled(value) not in known
    ]
    if problems:
        raise UnknownNameError(problems)
    return spelled.isin([_spelled(value) for value in wanted])


def _spelled(value: object) -> str | None:
    """Values as a person types them: `4` and `4.0` are the same."""
    if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return None
    try:
        return f"{float(str(value)):g}"
    except ValueError:
        return str(value)
