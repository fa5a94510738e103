"""A study cut into panels, and panels put together that share what a reader compares them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from harness.tables.panels import COST, KEY, LEVEL, RUNTIME, UNIT, Panel
from harness.tables.qualities import quality_of

OF_SELECTIONS = ("model", "data", "target", "removal", "transform", "machine_class")  # what a selection depends on


def panels(
    table: pd.DataFrame,
    criteria: Sequence[str],
    conditions: Mapping[str, str] | None = None,
    note: str = "",
    references: Sequence[str] = (),
    pairs: Sequence[tuple[str, str]] = (),
) -> tuple[Panel, ...]:
    """The panels of a study that have an ok trial with an amount; criteria in the study's order.

    `conditions` says under which ones the bare column of a metric was measured; `references` are labels of models that
    stand beside the study. Of `pairs` of networks a panel shows only references that stand in one with its model.
    """
    is_ok = table["status"] == "ok"
    table = _quick(table.assign(**{UNIT: units(table), **_amounts(table)}))
    chosen = table[is_ok & table["criterion"].notna() & table[LEVEL].notna()]
    groups = list(chosen.groupby(list(KEY), dropna=False, sort=False))
    varying = _varying([key for key, _ in groups], KEY)
    dense = table[is_ok & table["model"].isin(references) & table["criterion"].isna()]
    judged = quality_of(table)
    found = []
    for key, rows in groups:
        texts = {name: _text(value) for name, value in zip(KEY, key, strict=True)}
        shown = tuple(name for name in KEY if texts[name] and name in ("model", "target", *varying))
        baselines = _baselines(table[is_ok], rows, texts["machine_class"])
        beside = dense[(dense["data"] == texts["data"]) & (dense["machine_class"] == texts["machine_class"])]
        partners = _partners(texts["model"], pairs) if pairs else None
        ordered = _ordered(rows, criteria)
        found.append(Panel(shown, texts, rows, baselines, ordered, conditions or {}, note, beside, judged, partners))
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


def _partners(model: str, pairs: Sequence[tuple[str, str]]) -> frozenset[str]:
    return frozenset(name for pair in pairs if model in pair for name in pair)


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


def _quick(table: pd.DataFrame) -> pd.DataFrame:
    """The same with its texts as objects, in one block: taking rows of many single columns of texts is slow.

    Tables and figures take some rows of a panel a thousand times over.
    """
    texts = [name for name in table if isinstance(table[name].dtype, pd.StringDtype)]
    return table.astype(dict.fromkeys(texts, object)).copy()


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
