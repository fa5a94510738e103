"""A study cut into panels: trials that differ only in criterion, amount, draw and seeds, and so may be averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from harness.tables.columns import MACS_SAVED, conditions_of
from harness.tables.qualities import Quality, quality_of
from harness.wording import slug

KEY = ("model", "data", "target", "removal", "recovery", "transform", "runtime", "cost", "machine_class")
UNIT = "unit"  # one network with its own weights: what a claim about criteria counts
LEVEL = "level"  # how much is removed: a count, or the share of a cost that a budget asks for
RUNTIME = "runtime"  # of costs alone: outcomes are read in plain fp32, whatever the runtime
COST = "cost"  # the cost of a budget; empty where counts are asked for
OF_SELECTIONS = ("model", "data", "target", "removal", "transform", "machine_class")  # what a selection depends on
SIZES, LENGTHS = ("batch", "image_size"), ("prompt", "new")  # conditions that say how large what was timed is
COST_WORDS = {"macs": "MACs", "params": "parameters", "latency": "latency"}


@dataclass(frozen=True)
class Panel:
    """Candidates and their baselines; `shown` are the words of its key that set it apart from the study's others.

    `note` is what every caption and table must say (synthetic data). `references` are whole networks on the same data
    and machine, to be shown beside.
    """

    shown: tuple[str, ...]
    key: dict[str, str]
    candidates: pd.DataFrame
    baselines: pd.DataFrame
    criteria: tuple[str, ...]
    conditions: Mapping[str, str]
    note: str = ""
    references: pd.DataFrame = field(default_factory=pd.DataFrame)

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
    def quality(self) -> Quality:
        """What its criteria are compared by."""
        return quality_of(self.candidates, self.baselines)

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

    def scenario(self, metric: str) -> str:
        """The size of what was measured: its batch, and images of another size than the network's own."""
        return self._stated(metric, SIZES)

    def lengths(self, metric: str) -> str:
        """The tokens of the text that was measured: those of its prompt, and those after it."""
        return self._stated(metric, LENGTHS)

    def _stated(self, metric: str, keys: Sequence[str]) -> str:
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
        named = {"block": "blocks", "joint": "sublayers", "mlp": "MLP sublayers"}
        return named.get(target, f"{target.replace('_', ' ')} sublayers".strip())

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


def panels(
    table: pd.DataFrame,
    criteria: Sequence[str],
    conditions: Mapping[str, str] | None = None,
    note: str = "",
    references: Sequence[str] = (),
) -> tuple[Panel, ...]:
    """The panels of a study that have an ok trial with an amount; criteria in the study's order.

    `conditions` says under which ones the bare column of a metric was measured; `references` are labels of models that
    stand beside the study.
    """
    is_ok = table["status"] == "ok"
    table = table.assign(**{UNIT: units(table), **_amounts(table)})
    chosen = table[is_ok & table["criterion"].notna() & table[LEVEL].notna()]
    groups = list(chosen.groupby(list(KEY), dropna=False, sort=False))
    varying = _varying([key for key, _ in groups], KEY)
    dense = table[is_ok & table["model"].isin(references) & table["criterion"].isna()]
    found = []
    for key, rows in groups:
        texts = {name: _text(value) for name, value in zip(KEY, key, strict=True)}
        shown = tuple(name for name in KEY if texts[name] and name in ("model", "target", *varying))
        baselines = _baselines(table[is_ok], rows, texts["machine_class"])
        beside = dense[(dense["data"] == texts["data"]) & (dense["machine_class"] == texts["machine_class"])]
        panel = Panel(shown, texts, rows, baselines, _ordered(rows, criteria), conditions or {}, note, beside)
        found.append(panel)
    return tuple(found)


def of_selections(found: Sequence[Panel], criteria: Sequence[str]) -> tuple[Panel, ...]:
    """The panels put together that share their selections: recoveries, runtimes and amounts change none of them."""
    groups: dict[tuple[str, ...], list[Panel]] = {}
    for panel in found:
        groups.setdefault(tuple(panel.key[name] for name in OF_SELECTIONS), []).append(panel)
    varying = _varying(list(groups), OF_SELECTIONS)
    return tuple(_together(key, members, varying, criteria) for key, members in groups.items())


def across_runtimes(found: Sequence[Panel]) -> tuple[tuple[Panel, ...], ...]:
    """Panels that differ in nothing but the runtime, together: their outcomes are those of plain fp32, and so equal."""
    groups: dict[tuple[str, ...], list[Panel]] = {}
    for panel in found:
        groups.setdefault(tuple(panel.key[name] for name in KEY if name != RUNTIME), []).append(panel)
    return tuple(map(tuple, groups.values()))


def of_outcomes(found: Sequence[Panel]) -> tuple[Panel, ...]:
    """Of each family the panel with the most trials, named without its runtime: an outcome is told once."""
    groups = across_runtimes(found)
    if len(groups) == len(found):
        return tuple(found)
    fullest = (max(members, key=lambda panel: len(panel.candidates)) for members in groups)
    return tuple(replace(panel, shown=tuple(n for n in panel.shown if n != RUNTIME)) for panel in fullest)


def _together(key: tuple[str, ...], members: Sequence[Panel], varying: Sequence[str], criteria: Sequence[str]) -> Panel:
    texts = dict(zip(OF_SELECTIONS, key, strict=True))
    shown = tuple(name for name, text in texts.items() if text and name in ("model", "target", *varying))
    rows = pd.concat([panel.candidates for panel in members], ignore_index=True)
    return replace(members[0], shown=shown, candidates=rows, criteria=_ordered(rows, criteria))


def _varying(keys: Sequence[tuple[object, ...]], names: Sequence[str]) -> list[str]:
    return [name for i, name in enumerate(names) if len({key[i] for key in keys}) > 1]


def _amounts(table: pd.DataFrame) -> dict[str, pd.Series]:
    """The level of each trial, and the cost that it is a share of."""
    parts = table["budget"].astype("string").str.extract(r"^([a-z]+)([0-9.e-]+)$")
    counts = table["count"].astype("Float64").astype(float)
    shares = parts[1].astype("Float64").astype(float)
    return {LEVEL: shares.where(parts[0].notna(), counts), COST: parts[0].astype(object).where(parts[0].notna(), "")}


def with_values(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows that have a value in a column; none where there is no such column."""
    if column not in rows:
        return rows.iloc[:0].assign(**{column: pd.Series(dtype=float)})
    present = rows[column].notna()
    held = rows if present.all() else rows[present]  # thousands of rows are not copied for nothing
    return held if held[column].dtype == float else held.assign(**{column: held[column].astype(float)})


def _baselines(good: pd.DataFrame, rows: pd.DataFrame, machine_class: str) -> pd.DataFrame:
    found = good[good["id"].isin(set(rows["baseline"].dropna()))]
    own = found[found["machine_class"] == machine_class]
    return own if len(own) else found


def _ordered(rows: pd.DataFrame, criteria: Sequence[str]) -> tuple[str, ...]:
    present = set(rows["criterion"])
    return (*(name for name in criteria if name in present), *sorted(present - set(criteria)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def units(table: pd.DataFrame) -> pd.Series:
    """The network of each trial: its model, data and seed of the weights."""
    seeds = table["model_seed"].astype("string").fillna("-")
    return table["model"].astype("string") + "/" + table["data"].astype("string") + "/" + seeds
