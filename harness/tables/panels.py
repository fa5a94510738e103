"""A study cut into panels: trials that differ only in criterion, amount, draw and seeds, and so may be averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from harness.tables.columns import MACS_SAVED, conditions_of
from harness.tables.qualities import ACCURACY, Quality
from harness.wording import slug

KEY = ("model", "data", "target", "removal", "recovery", "transform", "runtime", "cost", "machine_class")
UNIT = "unit"  # one network with its own weights: what a claim about criteria counts
LEVEL = "level"  # how much is removed: a count, or the share of a cost that a budget asks for
RUNTIME = "runtime"  # of costs alone: outcomes are read in plain fp32, whatever the runtime
COST = "cost"  # the cost of a budget; empty where counts are asked for
SIZES, LENGTHS = ("batch", "image_size"), ("prompt", "new")  # conditions that say how large it is; tokens of a text
NAMED = {  # kinds that are no sublayers, or have a word of their own
    "block": "blocks",
    "joint": "sublayers",
    "mlp": "MLP sublayers",
    "gate": "gates",
    "local": "local branches",
    "smlp": "sMLP modules",
    "experts": "mixtures of experts",
    "re_represent": "re-represent layers",
    "fused": "fused branches",
}
SINGULAR = {"local": "local branch", "experts": "mixture of experts", "fused": "fused branch"}  # where no s comes off
COST_WORDS = {"macs": "MACs", "params": "parameters", "latency": "latency"}


@dataclass(frozen=True)
class Panel:
    """Candidates and their baselines; `shown` are the words of its key that set it apart from the study's others.

    `note` is what every caption and table must say (synthetic data). `references` are whole networks on the same data
    and machine, of which those called `partners` are shown beside its candidates (None: all). `quality` is what
    criteria are compared by, the same in all panels of a study.
    """

    shown: tuple[str, ...]
    key: dict[str, str]
    candidates: pd.DataFrame
    baselines: pd.DataFrame
    criteria: tuple[str, ...]
    conditions: Mapping[str, str]
    note: str = ""
    references: pd.DataFrame = field(default_factory=pd.DataFrame)
    quality: Quality = ACCURACY
    partners: frozenset[str] | None = None

    @property
    def beside(self) -> pd.DataFrame:
        """The references that are shown beside its candidates."""
        is_shown = self.partners is None or not len(self.references)
        return self.references if is_shown else self.references[self.references["model"].isin(self.partners or ())]

    @property
    def label(self) -> str:
        """What sets it apart from the study's other panels."""
        return self.label_without()

    @property
    def setting(self) -> str:
        """The label without the target."""
        return self.label_without("target")

    def label_without(self, *names: str) -> str:
        """The label without some words of the key: what panels share that differ in these."""
        return ", ".join(self.key[name] for name in self.shown if name not in names)

    @cached_property
    def own_baselines(self) -> pd.DataFrame:
        """The baselines on the panel's own machine: what another one needed is another matter."""
        return self.baselines[self.baselines["machine_class"] == self.key["machine_class"]]

    @property
    def networks(self) -> int:
        """How many networks it averages over."""
        return self.candidates[UNIT].nunique()

    def under(self, column: str) -> dict[str, str]:
        """The conditions of a measured column, also of one that has the bare name of its metric."""
        if "@" in column:
            return conditions_of(column)
        bare = self.conditions.get(column, "")
        return dict(part.split(" ", 1) for part in bare.split(", ")) if bare else {}

    def scenario(self, metric: str, keys: Sequence[str] = SIZES) -> str:
        """The size of what was measured: its batch, and images of another size than the network's own; or lengths."""
        at = self.under(metric)
        return ", ".join(f"{key.replace('_', ' ')} {at[key]}" for key in keys if key in at)

    def saved(self, column: str) -> str:
        """The column of the share of MACs that is gone at the image size of a timed column."""
        size = self.under(column).get("image_size")
        return MACS_SAVED if size is None else f"{MACS_SAVED}@image_size={size}"

    @property
    def spread(self) -> str:
        """What error bars and ± are."""
        if self.networks == 1:
            return "one network, so no spread is known"
        return f"mean and standard deviation over {self.networks} networks"

    @property
    def levels(self) -> tuple[float, ...]:
        """How much is removed, ascending: counts of units, or shares of a cost."""
        found = sorted(float(level) for level in self.candidates[LEVEL].dropna().unique())
        return tuple(found if self.cost else map(int, found))

    @property
    def middle(self) -> float:
        """The middle level, the lower one of two."""
        return self.levels[(len(self.levels) - 1) // 2]

    @property
    def cost(self) -> str:
        """The cost that budgets are shares of, in words; empty where counts were asked for."""
        name = self.key[COST]
        return COST_WORDS.get(name, name)

    def amount(self, level: float) -> str:
        """A level in words: `4 of 8`, or `10 % of the MACs`."""
        if self.cost:
            return f"{100 * level:g} % of the {self.cost}"
        return f"{level:g} of {self.of}" if self.of else f"{level:g}"

    @property
    def amount_column(self) -> str:
        """What the column of levels is called in the data of a figure."""
        return "asked_share" if self.cost else "removed_count"

    @property
    def axis(self) -> str:
        """What levels are, as the words of an axis."""
        if self.cost:
            return f"{self.cost} to be saved (%)"
        return f"{self.sublayers} removed{f' of {self.of}' if self.of else ''}"

    def at(self, level: float) -> pd.DataFrame:
        """The candidates of one level."""
        return self._levels.get(level, self.candidates.iloc[:0])

    @cached_property
    def _levels(self) -> dict[float, pd.DataFrame]:
        return {float(str(level)): rows for level, rows in self.candidates.groupby(LEVEL)}

    def trials(self, criterion: str, level: float) -> pd.DataFrame:
        """The candidates of one criterion at one level; none where it has no trial there."""
        return self._cells.get((criterion, level), self.candidates.iloc[:0])

    @cached_property
    def _cells(self) -> dict[tuple[str, float], pd.DataFrame]:
        groups = self.candidates.groupby(["criterion", LEVEL])
        return {(str(criterion), float(str(level))): rows for (criterion, level), rows in groups}

    @property
    def of(self) -> int | None:
        """How many sublayers could be removed."""
        found = self.candidates["of"].dropna()
        return int(found.iloc[0]) if len(found) else None

    @property
    def sublayers(self) -> str:
        """What is removed, in the plural."""
        target = self.key["target"]
        return NAMED.get(target, f"{target.replace('_', ' ')} sublayers".strip())

    @property
    def slug(self) -> str:
        """The label as a part of a file name."""
        return slug(self.label)

    def per_unit(self, column: str) -> pd.DataFrame:
        """Means over draws and selections, one row per network: index unit, columns (criterion, level).

        A combination that nothing was measured for is NaN. Every table and figure asks for it, so it is made once.
        """
        if column not in self._wide:
            means = with_values(self.candidates, column).groupby([UNIT, "criterion", LEVEL])[column].mean()
            columns = pd.MultiIndex.from_product([self.criteria, self.levels])
            self._wide[column] = means.unstack(["criterion", LEVEL]).reindex(columns=columns)
        return self._wide[column]

    @cached_property
    def _wide(self) -> dict[str, pd.DataFrame]:
        return {}

    def values(self, column: str, criterion: str, level: float) -> list[float]:
        """One mean per network."""
        return [float(value) for value in self.per_unit(column)[criterion, level].dropna()]

    def baseline_values(self, column: str) -> list[float]:
        """The baseline's value, one mean per network."""
        rows = with_values(self.baselines, column)
        return [float(value) for value in rows.groupby(UNIT)[column].mean()]

    def draw_range(self, column: str, criterion: str, level: float) -> tuple[float, float, int] | None:
        """Lowest and highest mean over networks that one draw gave, and the number of draws."""
        rows = with_values(self.trials(criterion, level), column)
        rows = rows[rows["draw"].notna()]
        means = rows.groupby("draw")[column].mean()
        return (float(means.min()), float(means.max()), len(means)) if len(means) > 1 else None


def with_values(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows that have a value in a column; none where there is no such column."""
    if column not in rows:
        return rows.iloc[:0].assign(**{column: pd.Series(dtype=float)})
    present = rows[column].notna()
    held = rows if present.all() else rows[present]  # thousands of rows are not copied for nothing
    return held if held[column].dtype == float else held.assign(**{column: held[column].astype(float)})
