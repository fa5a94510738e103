"""A study cut into panels: trials that differ only in criterion, count, draw and seeds, and so may be averaged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

KEY = ("model", "data", "target", "removal", "recovery", "transform", "runtime", "machine_class")
UNIT = "unit"  # one network with its own weights: what a claim about criteria counts


@dataclass(frozen=True)
class Panel:
    """Candidates and their baselines; `label` tells what sets it apart from the study's other panels.

    `setting` is the label without the target. `note` is what every caption and table must say (synthetic data).
    """

    label: str
    setting: str
    key: dict[str, str]
    candidates: pd.DataFrame
    baselines: pd.DataFrame
    criteria: tuple[str, ...]
    conditions: Mapping[str, str]
    note: str = ""

    @property
    def networks(self) -> int:
        """How many networks it averages over."""
        return self.candidates[UNIT].nunique()

    def scenario(self, metric: str) -> str:
        """The first of a metric's conditions, which is its batch where it has one."""
        return self.conditions.get(metric, "").partition(",")[0]

    @property
    def spread(self) -> str:
        """What error bars and ± are."""
        if self.networks == 1:
            return "one network, so no spread is known"
        return f"mean and standard deviation over {self.networks} networks"

    @property
    def counts(self) -> tuple[int, ...]:
        """Counts of removed sublayers, ascending."""
        return tuple(sorted(int(count) for count in self.candidates["count"].dropna().unique()))

    @property
    def middle(self) -> int:
        """The middle count, the lower one of two."""
        return self.counts[(len(self.counts) - 1) // 2]

    @property
    def of(self) -> int | None:
        """How many sublayers could be removed."""
        found = self.candidates["of"].dropna()
        return int(found.iloc[0]) if len(found) else None

    @property
    def sublayers(self) -> str:
        """What is removed, in the plural."""
        target = self.key["target"]
        return "blocks" if target == "block" else f"{target} sublayers".strip()

    @property
    def slug(self) -> str:
        """The label as a part of a file name."""
        return re.sub("[^a-z0-9]+", "-", self.label.lower()).strip("-")

    def per_unit(self, column: str) -> pd.DataFrame:
        """Means over draws and selections, one row per network: index unit, columns (criterion, count).

        A combination that nothing was measured for is NaN.
        """
        rows = with_values(self.candidates, column)
        means = rows.groupby([UNIT, "criterion", "count"])[column].mean()
        wide = means.unstack(["criterion", "count"])
        return wide.reindex(columns=pd.MultiIndex.from_product([self.criteria, self.counts]))

    def values(self, column: str, criterion: str, count: int) -> list[float]:
        """One mean per network."""
        return [float(value) for value in self.per_unit(column)[criterion, count].dropna()]

    def baseline_values(self, column: str) -> list[float]:
        """The baseline's value, one mean per network."""
        rows = with_values(self.baselines, column)
        return [float(value) for value in rows.groupby(UNIT)[column].mean()]

    def draw_range(self, column: str, criterion: str, count: int) -> tuple[float, float, int] | None:
        """Lowest and highest mean over networks that one draw gave, and the number of draws."""
        rows = with_values(self.candidates, column)
        rows = rows[(rows["criterion"] == criterion) & (rows["count"] == count) & rows["draw"].notna()]
        means = rows.groupby("draw")[column].mean()
        return (float(means.min()), float(means.max()), len(means)) if len(means) > 1 else None


def panels(
    table: pd.DataFrame, criteria: Sequence[str], conditions: Mapping[str, str] | None = None, note: str = ""
) -> tuple[Panel, ...]:
    """The panels of a study that have an ok trial with a count; criteria in the study's order.

    `conditions` says under which ones the bare column of a metric was measured.
    """
    is_ok = table["status"] == "ok"
    table = table.assign(**{UNIT: _units(table)})
    chosen = table[is_ok & table["criterion"].notna() & table["count"].notna()]
    groups = list(chosen.groupby(list(KEY), dropna=False, sort=False))
    varying = [name for i, name in enumerate(KEY) if len({key[i] for key, _ in groups}) > 1]
    found = []
    for key, rows in groups:
        texts = {name: _text(value) for name, value in zip(KEY, key, strict=True)}
        shown = [name for name in KEY if texts[name] and name in ("model", "target", *varying)]
        label, setting = (", ".join(texts[n] for n in shown if n != left_out) for left_out in (None, "target"))
        baselines = _baselines(table[is_ok], rows, texts["machine_class"])
        found.append(Panel(label, setting, texts, rows, baselines, _ordered(rows, criteria), conditions or {}, note))
    return tuple(found)


def with_values(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows that have a value in a column; none where there is no such column."""
    if column not in rows:
        return rows.iloc[:0].assign(**{column: pd.Series(dtype=float)})
    held = rows[rows[column].notna()]
    return held.assign(**{column: held[column].astype(float)})


def _baselines(good: pd.DataFrame, rows: pd.DataFrame, machine_class: str) -> pd.DataFrame:
    found = good[good["id"].isin(set(rows["baseline"].dropna()))]
    own = found[found["machine_class"] == machine_class]
    return own if len(own) else found


def _ordered(rows: pd.DataFrame, criteria: Sequence[str]) -> tuple[str, ...]:
    present = set(rows["criterion"])
    return (*(name for name in criteria if name in present), *sorted(present - set(criteria)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _units(table: pd.DataFrame) -> pd.Series:
    seeds = table["model_seed"].astype("string").fillna("-")
    return table["model"].astype("string") + "/" + table["data"].astype("string") + "/" + seeds
