"""Whole networks beside each other: what each achieves and needs with nothing removed, and pairs of them by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from harness.report.comparisons import LEVEL, Comparison, comparison_row, too_few
from harness.report.phrases import joined
from harness.report.view import View
from harness.stats import Interval, holm, paired
from harness.tables.cells import Scale, between, number, p_is, p_value, percent, scale, significant
from harness.tables.columns import conditions_of
from harness.tables.derived import DEPLOYED, OF_FORMS
from harness.tables.items import of_test
from harness.tables.marks import mark
from harness.tables.panels import with_values
from harness.tables.qualities import Quality
from harness.tables.summaries import measured_structures, speed_interval
from harness.tables.table import Table
from harness.tables.whole_networks import COUNTED, whole_table
from harness.wording import counted

UNTRAINED, PLAIN = "none", "none"  # the recovery and the transform of a network as it is


@dataclass(frozen=True)
class Whole:
    """A network with nothing removed, and a row for each of its seeds; `transform` is what was done to it."""

    model: str
    data: str
    transform: str
    rows: pd.DataFrame

    @property
    def name(self) -> str:
        """Its label, with the transform."""
        return self.model if self.transform == PLAIN else f"{self.model}, {self.transform}"

    def by_seed(self, column: str) -> pd.Series:
        """The values of a column by the seed of the weights."""
        held = with_values(self.rows, column).drop_duplicates("model_seed", keep="last")
        return held.set_index("model_seed")[column]

    def mean(self, column: str) -> float | None:
        """The mean over seeds; None where there is no value."""
        held = self.by_seed(column)
        return float(held.mean()) if len(held) else None


def wholes(view: View) -> tuple[Whole, ...]:
    """The networks of a study that has some beside those that it removes from; none of another study.

    Models first, in the study's order; each once, whatever runtimes and machines it was measured in.
    """
    if not view.reference_labels and not view.index.networks:
        return ()
    table = view.table
    is_plain = table["criterion"].isna() & table["recovery"].fillna(UNTRAINED).eq(UNTRAINED)
    rows = table[is_plain & (table["status"] == "ok")]
    rows = rows.assign(transform=rows["transform"].fillna(PLAIN))
    groups = rows.groupby(["model", "data", "transform"], sort=False)
    found = [Whole(str(model), str(data), str(transform), held) for (model, data, transform), held in groups]
    order = list(dict.fromkeys(trial for trial in view.plan.table["model"]))
    return tuple(sorted(found, key=lambda one: (one.model in view.reference_labels, order.index(one.model))))


def network_pairs(view: View) -> tuple[Comparison, ...]:
    """The pairs that the study names, else its first model with each reference, adjusted together; on each data."""
    known = {(one.model, one.data): one for one in wholes(view) if one.transform == PLAIN}
    found: list[Comparison] = []
    for first, second in _asked(view, list(known.values())):
        for data in dict.fromkeys(data for _, data in known):
            if (first, data) in known and (second, data) in known:
                found += _compared(known[first, data], known[second, data], view.quality)
    adjusted = holm([one.p for one in found])
    return tuple(replace(one, p=p, family=len(found)) for one, p in zip(found, adjusted, strict=True))


def _asked(view: View, found: Sequence[Whole]) -> Sequence[tuple[str, str]]:
    if view.index.networks:
        return view.index.networks
    own = [one.model for one in found if one.model not in view.reference_labels]
    beside = dict.fromkeys(one.model for one in found if one.model in view.reference_labels)
    return [(own[0], other) for other in beside] if own else []


def _compared(first: Whole, second: Whole, judged: Quality) -> Iterator[Comparison]:
    """How much more the first achieves, seed by seed; nothing where they have no seed in common."""
    pairs = pd.concat([first.by_seed(judged.column), second.by_seed(judged.column)], axis=1, join="inner")
    if len(pairs):
        differences = judged.sign * (pairs.iloc[:, 0] - pairs.iloc[:, 1])
        found = paired([float(value) for value in differences])
        yield Comparison(first.data, first.model, second.model, found, found.flips.p, family=1, quality=judged)


def network_table(view: View, is_told: bool = False) -> Table | None:
    """Every network with nothing removed, models first: what it achieves, and how much it computes.

    `is_told`: another table says what each needs, so this one is for what else is known of them.
    """
    order = list(dict.fromkeys(view.plan.table["model"]))
    places = {name: (name in view.reference_labels, order.index(name)) for name in order}
    rows = view.good_table
    rows = rows.iloc[sorted(range(len(rows)), key=lambda row: places[str(rows["model"].iloc[row])])]
    note = view.panels[0].note if view.panels else ""
    is_told = is_told and not rows[rows["criterion"].isna()][["transform", "recovery"]].nunique().gt(1).any()
    return whole_table(rows, view.quality, not is_told and bool(view.reference_labels or view.index.networks), note)


def pair_table(pairs: Sequence[Comparison]) -> Table | None:
    """The pairs with their intervals and tests."""
    if not pairs:
        return None
    judged = pairs[0].quality
    is_placed = len({one.where for one in pairs}) > 1
    rows = tuple(comparison_row(one, is_placed) for one in pairs)
    header = ("pair", "difference", "95 % interval", "p", "adjusted p", "networks", "detectable")
    less = f"Test {judged.word} of the second minus those of the first: above 0, the first is better"
    more = f"Test {judged.word} of the first minus that of the second, in {judged.measure}"
    notes = (
        f"{more if judged.sign > 0 else less}. Networks of one seed are a pair: they saw the items in the same order. "
        "t intervals; two-sided sign-flip tests, exact up to 20 pairs, adjusted together by Holm's method. Detectable: "
        "what a paired t test would have seen with 80 % power at the level of its row.",
    )
    return Table("network-pairs", "Whole networks against each other", header, rows, notes)


def network_words(view: View, pairs: Sequence[Comparison]) -> str:
    """What whole networks achieve, which pairs differ, and what a transform changes; empty where there are none."""
    found = wholes(view)
    plain = [one for one in found if one.transform == PLAIN and len(one.by_seed(view.quality.column))]
    if len(plain) < 2:
        return ""
    judged = view.quality
    unit = f" {judged.unit}" if judged.unit else ""
    macs = scale([one.mean("macs") or 0.0 for one in plain], "")
    is_placed = len({one.data for one in plain}) > 1
    told = [
        f"{one.name}{f' (on {one.data})' if is_placed else ''} {judged.mean(list(one.by_seed(judged.column)))}{unit}"
        f"{_macs(one, macs)}"
        for one in plain
    ]
    sentences = [f"With nothing removed, networks reach this test {judged.word}: {'; '.join(told)}."]
    known = {(one.model, one.data): one for one in plain}
    differences = [_difference(one) + _equal(view, one, known) for one in pairs]
    if differences:
        sentences.append(f"Seed by seed, {'; '.join(differences)}.")
        sentences += _claims(pairs)
    sentences += _transformed(view, found)
    sentences += _folded(view, found)
    return " ".join(sentences)


def _macs(one: Whole, by: Scale) -> str:
    """` (816 k MACs)`; nothing where they were not counted."""
    mine = one.mean("macs")
    return f" ({significant(by.of(mine))}{f' {by.unit}' if by.unit else ''} MACs)" if mine else ""


def _equal(view: View, one: Comparison, known: Mapping[tuple[str, str], Whole]) -> str:
    """Where two networks are right about the same items, and not only as often."""
    same, of = _alike(view, known[one.first, one.where], known[one.second, one.where])
    return f" ({same} of {counted(of, 'pair')} right about the same items)" if same else ""


def _difference(one: Comparison) -> str:
    judged, mean = one.quality, one.found.mean
    if not one.found.flips.signs:
        return f"{one.first} and {one.second} have the same in all {counted(one.found.n, 'pair')}"
    amount = judged.one(abs(mean))
    ends = one.found.interval
    stated = Interval(-ends.high, -ends.low) if ends and mean < 0 else ends  # of the amount in the words
    interval = f" {judged.between(stated)}" if stated else ""
    verb, more = ("has", mean >= 0) if judged.sign > 0 else ("needs", mean < 0)
    return f"{one.first} {verb} {amount} {judged.measure} {'more' if more else 'less'} than {one.second}{interval}"


def _claims(pairs: Sequence[Comparison]) -> Iterator[str]:
    """Which differences the tests show, and which they could not or did not."""
    shown = [f"{one.first} and {one.second} ({p_is(one.p)})" for one in pairs if one.is_difference]
    able = [one for one in pairs if one.can_claim]
    if shown:
        yield f"Adjusted by Holm's method, the tests show a difference between {joined(shown)}."
    if not able:
        few = max(pairs, key=lambda one: one.found.flips.signs)
        if few.found.flips.smallest_p > LEVEL:
            yield f"None of them is claimed: {too_few(few.found, 'network')}."
        else:
            reach = p_value(min(one.smallest_p for one in pairs))
            adjusted = f"adjusted for {counted(len(pairs), 'pair')} no p below {reach} can be reached"
            yield f"None of them is claimed: {adjusted}."
    elif len(shown) < len(pairs):
        yield "Of the others none is claimed." if shown else "No difference is shown."


def _transformed(view: View, found: Sequence[Whole]) -> Iterator[str]:
    """What a transform changes of the network that it was applied to."""
    plain: Mapping[tuple[str, str], Whole] = {(one.model, one.data): one for one in found if one.transform == PLAIN}
    for one in found:
        before = plain.get((one.model, one.data))
        if one.transform == PLAIN or before is None:
            continue
        same, of = _alike(view, one, before)
        if of:
            who = f"{same} of {counted(of, 'network')} of {one.model}"
            changes = _changes(one, before)
            yield f"With {one.transform}, {who} are right about the same test items as without{changes}."


def _alike(view: View, first: Whole, second: Whole) -> tuple[int, int]:
    """In how many pairs both are right about the same test items, and of how many pairs that is known."""
    mine, other = (_judged(view, one) for one in (first, second))
    common = mine.keys() & other.keys()
    return sum(mine[seed] == other[seed] for seed in common), len(common)


def _judged(view: View, one: Whole) -> dict[int | None, tuple[str, str]]:
    """By seed, which test items it is right about; nothing of networks that keep none."""
    held = ((result.info.model_seed, of_test(result)) for result in view.shelf.of(one.rows["id"]))
    return {seed: (right.order, right.packed) for seed, right in held if right is not None}


def _changes(one: Whole, before: Whole) -> str:
    """How MACs and parameters change."""
    parts = []
    for column, word in COUNTED.items():
        mine, other = one.mean(column), before.mean(column)
        if mine and other and mine != other:
            parts.append(f"{percent(abs(mine / other - 1), 2)} {'more' if mine > other else 'fewer'} {word}")
    return f", at {joined(parts)}" if parts else ""


def _folded(view: View, found: Sequence[Whole]) -> Iterator[str]:
    """How much faster each network's deployed form is than its form of training, both timed in turn."""
    under = view.panels[0].under
    for one in found:
        told = []
        for column in (str(name) for name in one.rows.columns if str(name).partition("@")[0] == OF_FORMS):
            held = with_values(one.rows, column)
            if len(held):
                at = conditions_of(column) or under(DEPLOYED)
                where = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in at.items())
                told.append(f"{_times(held, column)} times{f' ({where})' if where else ''}")
        if told:
            yield f"The deployed form of {one.name} is {joined(told)} as fast as its form of training."


def _times(rows: pd.DataFrame, column: str) -> str:
    """The median over networks, with the widest interval that theirs span; doubtful timings are marked."""
    interval = speed_interval(measured_structures(rows), column)
    shown = f" {between(interval, digits=2)}" if interval else ""
    return f"{number(float(np.median(rows[column])), 2)}{mark(rows, column)}{shown}"
