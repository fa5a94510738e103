"""Tests of single checkpoints as tables: against the baseline, and criterion against criterion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.stats import Interval
from harness.tables.cells import NONE, between, number, p_is, p_value
from harness.tables.checkpoints import FILE, CheckpointTest, median_detectable
from harness.tables.columns import OUTCOME_WORD
from harness.tables.panels import Panel
from harness.tables.table import Table

MOST = 200  # cells; a study of more networks prints no contrast of single checkpoints
MOST_ROWS = 40
DETECTABLE = (
    "Detectable: the smallest true difference that this test shows with 80 % power, given as many items that differ, "
    "at the level of the first of Holm's steps; none where so few items can show nothing."
)
LEFT_OUT = (
    "Counts of checkpoints (networks and draws) that differ after correction; items that differ and what is detectable "
    "are medians, the smallest difference is of those that were shown."
)


def contrast_table(
    panel: Panel, tests: Sequence[CheckpointTest], contrast: tuple[str, str], interval: Interval | None
) -> Table | None:
    """The contrast, network by network and level by level; None for drawn criteria or without outcomes.

    `interval` is of the difference over networks and items, as a share of items.
    """
    first, second = contrast
    own = [test for test in tests if test.panel == panel.label and (test.first, test.second) == contrast]
    held = {(test.unit, test.level): test for test in own}
    if not held or len(held) > MOST:
        return None
    units = sorted({unit for unit, _ in held})
    rows = tuple((unit, *(_cell(held.get((unit, level))) for level in panel.levels)) for unit in units)
    notes: tuple[str, ...] = (
        f"For this checkpoint: test items that only {first} got right : items that only {second} did ({OUTCOME_WORD}), "
        f"with the p of McNemar's exact test, {adjustment(own[0].family)}. Each p is about one trained network; none "
        "is about the criteria in general.",
    )
    if interval is not None:
        notes += (
            f"Over networks and items, both drawn anew (items for all networks together), {first} − {second} is in "
            f"{between(interval, 100, 2)} points with 95 % confidence (hierarchical bootstrap, averaged over columns).",
        )
    title = f"{first} against {second}, for each checkpoint: {panel.label}"
    header = ("network", *map(panel.amount, panel.levels))
    return Table(f"checkpoints-{panel.slug}", title, header, rows, notes)


def baseline_table(panels: Sequence[Panel], tests: Sequence[CheckpointTest]) -> Table | None:
    """Every candidate against its own baseline; of many, a row for each criterion and amount of a panel."""
    own = [test for test in tests if test.is_of_baseline]
    if not own:
        return None
    amounts = {(panel.label, level): panel.amount(level) for panel in panels for level in panel.levels}
    is_long = len(own) > MOST_ROWS
    header, rows = _summaries(own, amounts) if is_long else _singles(own, amounts)
    if len(rows) > MOST_ROWS:
        header, rows = _summaries(own, dict.fromkeys(amounts, "any amount"))
    notes = [
        f"Test {OUTCOME_WORD} of a trained network with sublayers removed minus that of the same network whole, in "
        f"points. p: McNemar's exact test, {adjustment(own[0].family)}. {DETECTABLE}",
    ]
    if is_long:
        more = f" Shown are the first {MOST_ROWS} of {len(rows)} rows." if len(rows) > MOST_ROWS else ""
        notes.append(f"{LEFT_OUT}{more} Every one of the {len(own)} tests is in {FILE}.")
    else:
        notes.append("Intervals: 95 %, paired bootstrap over items, not adjusted.")
    title = "Checkpoints against their own baseline"
    return Table("against-baseline", title, header, tuple(rows[:MOST_ROWS]), tuple(notes))


def _singles(
    own: Sequence[CheckpointTest], amounts: dict[tuple[str, float], str]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    header: tuple[str, ...] = (
        "checkpoint",
        "removed",
        "lost : won",
        "difference",
        "95 % interval",
        "p",
        "adjusted p",
        "detectable",
    )
    rows: list[tuple[str, ...]] = [
        (
            f"{test.unit}, {_named(test)}{_placed(own, test)}",
            amounts[test.panel, test.level],
            f"{test.only_second} : {test.only_first}",
            number(100 * test.difference, 2),
            between(test.interval, 100, 2),
            p_value(test.p),
            p_value(test.adjusted),
            _points(test.detectable),
        )
        for test in own
    ]
    return header, rows


def _summaries(
    own: Sequence[CheckpointTest], amounts: dict[tuple[str, float], str]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """One row for each panel, criterion and name of an amount, in the study's order; amounts ascending."""
    groups: dict[tuple[str, str, str], list[CheckpointTest]] = {}
    for test in sorted(own, key=lambda one: one.level):
        groups.setdefault((test.panel, test.first, amounts[test.panel, test.level]), []).append(test)
    order = {(test.panel, test.first): place for place, test in reversed(list(enumerate(own)))}
    header: tuple[str, ...] = (
        "removed by",
        "removed",
        "differ",
        "items that differ",
        "smallest difference",
        "detectable",
    )
    rows: list[tuple[str, ...]] = [
        (
            f"{criterion}{_placed(own, members[0])}",
            amount,
            f"{sum(test.is_difference for test in members)} of {len(members)}",
            f"{np.median([test.differing for test in members]):g} of {members[0].items}",
            _smallest(members),
            _points(median_detectable(members)),
        )
        for (_, criterion, amount), members in sorted(groups.items(), key=lambda one: order[one[0][:2]])
    ]
    return header, rows


def _smallest(members: Sequence[CheckpointTest]) -> str:
    shown = [test.difference for test in members if test.is_difference]
    return number(100 * min(shown, key=abs), 2) if shown else NONE


def _points(share: float | None) -> str:
    return NONE if share is None else number(100 * share, 2)


def _placed(own: Sequence[CheckpointTest], test: CheckpointTest) -> str:
    return f" ({test.panel})" if len({one.panel for one in own}) > 1 else ""


def _named(test: CheckpointTest) -> str:
    return test.first if test.draw is None else f"{test.first} (draw {test.draw})"


def adjustment(family: int) -> str:
    """For how many tests of single checkpoints p values are corrected, in words."""
    if family == 1:
        return "the only one of the study"
    return f"adjusted by Holm's method for all {family} tests of single checkpoints in the study"


def _cell(test: CheckpointTest | None) -> str:
    return NONE if test is None else f"{test.only_first} : {test.only_second} ({p_is(test.adjusted)})"
