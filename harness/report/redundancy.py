"""Questions that studies of layer dropping ask: which kind of sublayer, which depth, one-shot or not, the residual."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np
import pandas as pd

from harness.report.comparisons import LEVEL, Comparison, too_few
from harness.report.phrases import joined, listed
from harness.report.view import View
from harness.schema import Options
from harness.stats import Interval, Paired, paired
from harness.tables.cells import between, number, p_is, percent
from harness.tables.columns import MACS_SAVED
from harness.tables.panels import KEY, UNIT, Panel
from harness.tables.publications import wanted
from harness.tables.selections import Selected
from harness.wording import counted

PAIR = ("attention", "mlp")  # targets whose units stand one beside the other in every block
ALL_DEPTHS = "joint"  # of units of several kinds no depth is told
PAPER, CLAIM = "llm_drop", "LLM-Drop finds attention the more redundant in decoders of 7 to 70 billion parameters"
SEARCHES = ("one_shot", "iterative")


def redundancy(view: View, rest: Sequence[Comparison]) -> tuple[str, ...]:
    """A paragraph for each question that the study has data for."""
    variants = list(_variants(view))
    told = {
        "": [_attention_or_mlp(view, pair) for pair in _pairs(view.outcomes)],
        "Which depth goes first? ": [_depth(view, panel) for panel in (view.outcomes if _asks_of_kinds(view) else ())],
        "One-shot or iterative? ": [_ablation(rest, *pair) for kind, *pair in variants if kind == "search"],
        "Does the residual matter? ": [_ablation(rest, *pair) for kind, *pair in variants if kind == "residual"],
    }
    return tuple(f"{head}{' '.join(filter(None, texts))}" for head, texts in told.items() if any(texts))


def _asks_of_kinds(view: View) -> bool:
    """Whether several kinds of sublayer are removed: a study of one kind shows its depths in a figure."""
    return len({panel.key["target"] for panel in view.outcomes}) > 1


def _pairs(panels: Sequence[Panel]) -> Iterator[tuple[Panel, Panel]]:
    """Panels that differ in nothing but their targets, attention and MLP, as many of each."""
    groups: dict[tuple[str, ...], dict[str, Panel]] = {}
    for panel in panels:
        if not panel.cost:
            key = tuple(panel.key[name] for name in KEY if name != "target")
            groups.setdefault(key, {})[panel.key["target"]] = panel
    for members in groups.values():
        if set(PAIR) <= set(members) and len({members[target].of for target in PAIR}) == 1:
            yield members[PAIR[0]], members[PAIR[1]]


def _attention_or_mlp(view: View, pair: tuple[Panel, Panel]) -> str:
    """What equal counts of both lose, network by network, and what each loses for what it saves."""
    attention, mlp = pair
    criterion = _speaker(view, pair)
    levels = [level for level in attention.levels if level in mlp.levels]
    if criterion is None or not levels:
        return ""
    judged = attention.quality
    lost = [_per_network(panel, judged.lost, criterion, levels) for panel in pair]
    differences = (lost[1] - lost[0]).dropna()
    if not len(differences):
        return ""
    found = paired([float(value) for value in differences])
    means = [judged.one(float(one[differences.index].mean())) for one in lost]
    interval = f", 95 % interval {judged.between(found.interval)}" if found.interval else ""
    verb = judged.loses.removesuffix("s")
    verdict = f"{_which(found)}{_reported(view, found)}{_for_saving(pair, criterion, levels)}"
    return (
        f"Are attention sublayers more redundant than MLPs? On {attention.setting}, by {criterion} and averaged over "
        f"{joined([f'{level:g}' for level in levels])} of {attention.of} removed, attention sublayers {verb} "
        f"{means[0]} and MLPs {means[1]} {judged.measure} (difference {judged.one(found.mean)}{interval}; sign-flip "
        f"{p_is(found.flips.p)}; {counted(found.n, 'network')}). {verdict}"
    )


def _which(found: Paired) -> str:
    """What the test of equal counts says; `found` holds what MLPs lose more."""
    if found.flips.smallest_p > LEVEL:
        return f"No claim is made: {too_few(found, 'network')}"
    if found.flips.p > LEVEL:
        return "At equal counts no difference was found"
    more, less = ("attention", "MLPs") if found.mean > 0 else ("MLPs", "attention")
    return f"So at equal counts {more} {'is' if more == 'attention' else 'are'} more redundant than {less} here"


def _reported(view: View, found: Paired) -> str:
    """What the publication says that the study names, where this differs from it."""
    if PAPER not in wanted(view.index.references):
        return "."
    is_shown = found.flips.smallest_p <= LEVEL and found.flips.p <= LEVEL
    if is_shown and found.mean > 0:
        return f": {CLAIM}, too."
    return f"; {CLAIM}, and a network of this size and training need not behave as those do."


def _for_saving(pair: tuple[Panel, Panel], criterion: str, levels: Sequence[float]) -> str:
    """Equal counts are unequal savings: the loss for each per cent of the MACs saved."""
    told, judged = [], pair[0].quality
    for panel, what in zip(pair, ("attention", "MLPs"), strict=True):
        saved = _per_network(panel, MACS_SAVED, criterion, levels)
        lost = _per_network(panel, judged.lost, criterion, levels)
        if not len(saved) or not float(saved.mean()) > 0:
            return ""
        each = judged.one(float(lost.mean()) / (100 * float(saved.mean())), 1)
        told.append(f"{what} {percent(float(saved.mean()))}, at {each} for each per cent")
    return f" Equal counts are unequal savings of MACs: {joined(told)}."


def _depth(view: View, panel: Panel) -> str:
    """Where the sublayers lie that one criterion takes at the middle count, and which one goes first."""
    criterion = _speaker(view, [panel])
    if criterion is None or panel.cost or panel.key["target"] == ALL_DEPTHS or not panel.of or panel.of < 2:
        return ""
    held = _depths(panel, criterion, panel.middle)
    if not held:
        return ""
    found = paired([float(np.mean(places)) / (panel.of - 1) for places in held])
    interval = f" {between(_within(found.interval), digits=2)}" if found.interval else ""
    is_sure = found.interval is not None and not found.interval.low <= 0.5 <= found.interval.high
    side = f", the {'deeper' if found.mean > 0.5 else 'shallower'} half" if is_sure else ""
    return (
        f"On {panel.setting} the {panel.amount(panel.middle)} {panel.sublayers} that {criterion} takes lie at a mean "
        f"depth of {number(found.mean, 2)}{interval} (0: the first block, 1: the last{side}){_first(panel, criterion)}."
    )


def _within(interval: Interval) -> Interval:
    """As far as there are depths."""
    return Interval(max(0.0, interval.low), min(1.0, interval.high))


def _first(panel: Panel, criterion: str) -> str:
    """The block that goes first in most networks, where a single one is removed at the least count."""
    held = [places[0] for places in _depths(panel, criterion, panel.levels[0]) if len(places) == 1]
    if not held:
        return ""
    place, times = Counter(held).most_common(1)[0]
    return f"; first goes that of block {place}" + (f" in {times} of {len(held)} networks" if len(held) > 1 else "")


def _depths(panel: Panel, criterion: str, level: float) -> list[tuple[int, ...]]:
    """Network by network, the blocks counted from 0 that lose a sublayer."""
    rows = panel.trials(criterion, level).drop_duplicates(UNIT)
    return [tuple(map(int, str(told).split())) for told in rows["depths"] if told]


def _variants(view: View) -> Iterator[tuple[str, str, str]]:
    """Pairs of criteria that differ in one thing, and which: the search, or the residual; the usual one first."""
    kinds = {one.criterion: one for _, chosen in view.chosen for one in chosen}
    for first, second in permutations(kinds, 2):
        mine, other = (_options(kinds[name]) for name in (first, second))
        searches = (kinds[first].info.search, kinds[second].info.search)
        if mine == other and searches == SEARCHES:
            yield "search", first, second
        if searches[0] == searches[1] and {**mine, "residual": False} == other and mine != other:
            yield "residual", first, second


def _options(chosen: Selected) -> Options:
    """The options of its criterion."""
    found = chosen.spec.get("criterion")
    return dict(found) if isinstance(found, dict) else {}


def _ablation(rest: Sequence[Comparison], first: str, second: str) -> str:
    """What the tests of a pair say, panel by panel; they are among those that are adjusted together."""
    told = [(one, 1 if one.first == first else -1) for one in rest if {one.first, one.second} == {first, second}]
    if not told:
        return ""
    judged = told[0][0].quality
    parts = [f"{_ahead(one, sign)} on {one.where}" for one, sign in told]
    shown = [one.where for one, _ in told if one.is_difference]
    claim = f"shown on {joined(shown)}" if shown else "none of it is shown after correction"
    return f"{first} {judged.loses} less than {second} by {listed(parts)} ({judged.measure}; {claim})."


def _ahead(one: Comparison, sign: int) -> str:
    """How much less one of a pair loses; of the pair turned round where the sign is -1."""
    ends = one.found.interval
    turned = Interval(*sorted((sign * ends.low, sign * ends.high))) if ends else None
    return one.quality.one(sign * one.found.mean) + (f" {one.quality.between(turned)}" if turned else "")


def _speaker(view: View, panels: Sequence[Panel]) -> str | None:
    """The criterion that the contrast is about, else the first that is not random and that all panels have."""
    names = [*(view.contrast or ()), *panels[0].criteria]
    common = (n for n in names if n not in view.index.random_criteria and all(n in p.criteria for p in panels))
    return next(common, None)


def _per_network(panel: Panel, column: str, criterion: str, levels: Sequence[float]) -> pd.Series:
    """The mean over levels of each network that has them all."""
    wide = panel.per_unit(column)
    return pd.concat([wide[criterion, level] for level in levels], axis=1).dropna().mean(axis=1)
