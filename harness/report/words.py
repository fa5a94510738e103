"""The answer in words: what was lost and saved, which differences the tests show, and how far that reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from harness.report.across import across, across_words
from harness.report.checkpoints import checkpoint_words
from harness.report.comparisons import Comparison, too_few
from harness.report.documents import document_words
from harness.report.exams import exam_words
from harness.report.hidden_units import activity_words
from harness.report.networks import network_pairs, network_words, wholes
from harness.report.phrases import LISTED, joined, listed
from harness.report.recommending import advice
from harness.report.redundancy import redundancy
from harness.report.speeds import speeds
from harness.report.variants import variants
from harness.report.view import View
from harness.stats import Interval
from harness.tables.cells import number, p_is, p_value, percent
from harness.tables.panels import COST, SINGULAR, Panel, with_values
from harness.wording import counted

PERPLEXITY = "perplexity"
NOT_COUNTED = "saves MACs that were not counted"
AVERAGED = {  # parts of a panel's key that are no networks
    "target": "targets",
    "removal": "forms of removal",
    "recovery": "recoveries",
    "transform": "transforms",
    "machine_class": "machines",
}


def answer(view: View, contrast: Comparison | None, rest: Sequence[Comparison]) -> tuple[str, ...]:
    """The paragraphs of the answer."""
    if not view.panels:
        return (_nothing(view),)
    paragraphs = [_losses(view, panel, timed) for panel, timed in zip(view.outcomes, view.timed, strict=True)]
    paragraphs.append(network_words(view, network_pairs(view)))
    paragraphs.append(activity_words(view.active))
    paragraphs.append(variants(view))
    paragraphs.append(_contrast(view, contrast))
    paragraphs.append(across_words(across(view)))
    paragraphs += redundancy(view, rest)
    paragraphs.append(advice(view))
    paragraphs.append(_others(rest))
    paragraphs.append(checkpoint_words(view.checkpoint_tests))
    paragraphs.append(document_words(view.document_tests))
    paragraphs.append(exam_words(view.exam_tests))
    paragraphs.append(_reach(view))
    return tuple(paragraph for paragraph in paragraphs if paragraph)


def _nothing(view: View) -> str:
    failed, missing, good = len(view.bad), len(view.missing), len(view.good)
    if good:
        return f"There is no answer yet: {good} baseline trials were measured, but no trial with anything removed."
    what = f"{counted(failed, 'trial')} failed or {'was' if failed == 1 else 'were'} skipped"
    return f"There is no answer: nothing was measured. {what}, {missing} {'has' if missing == 1 else 'have'} no record."


def _losses(view: View, panel: Panel, timed: Sequence[Panel]) -> str:
    """What the middle amount loses and saves; of several runtimes, what each does with the saving."""
    level = panel.middle
    rows = panel.at(level)
    saved = with_values(rows, "macs_saved")["macs_saved"]
    of = "" if panel.key[COST] == "macs" else " of the MACs"
    more = list(_also_saved(rows)) if panel.quality.sign < 0 else []
    saves = joined([f"saves {percent(float(saved.mean()))}{of}", *more]) if len(saved) else NOT_COUNTED
    sentences = [f"On {panel.setting} ({panel.key['data']}), removing {_amount(panel, level)} {saves}."]
    losses = _all_losses(view, panel, level)
    if losses:
        sentences.append(losses)
    elif view.asks_quality and not panel.baseline_values(panel.quality.column):
        sentences.append(f"The baseline has no {panel.quality.noun}, so no loss can be stated.")
    sentences += _perplexities(panel, level)
    sentences += speeds(timed, level)
    return " ".join(sentences)


def _also_saved(rows: pd.DataFrame) -> Iterator[str]:
    """What else a decoder needs less of: parameters to hold, keys and values to keep of each text."""
    for column, what in (("params_saved", "parameters"), ("kv_cache_saved", "KV cache")):
        held = with_values(rows, column)[column]
        if held.any():
            yield f"{percent(float(held.mean()))} of the {what}"


def _amount(panel: Panel, level: float) -> str:
    if panel.cost:
        return f"{panel.sublayers} to save {panel.amount(level)}"
    one = SINGULAR.get(panel.key["target"]) or panel.sublayers.removesuffix("s")
    what = panel.sublayers if panel.of or level > 1 else one
    return f"{panel.amount(level)} {what}"


def _all_losses(view: View, panel: Panel, level: float) -> str:
    judged = panel.quality
    found = {criterion: panel.values(judged.lost, criterion, level) for criterion in panel.criteria}
    held = {criterion: losses for criterion, losses in found.items() if losses}
    if not held:
        return ""
    most = max(len(losses) for losses in held.values())
    first = next((other for other in view.outcomes if other.networks > 1), None)  # ± is explained once
    spread = "mean ± standard deviation over " if most > 1 and panel is first else ""
    over = f" {_measure(panel)} ({spread}{counted(most, 'network')})"
    random, shown = view.index.random_criteria, _shown(view, held)
    parts = []
    for i, criterion in enumerate(shown):
        losses = held[criterion]
        fewer = f" over {counted(len(losses), 'network')}" if len(losses) < most else ""
        unit = f" {judged.loses} {judged.mean(losses)}{over}" if i == 0 else f" {judged.mean(losses)}"
        parts.append(f"{criterion}{_drawn(panel, criterion, level) if criterion in random else ''}{unit}{fewer}")
    others = _range(panel, {criterion: losses for criterion, losses in held.items() if criterion not in shown})
    return f"At that {'budget' if panel.cost else 'count'} {joined(parts)}{others}."


def _measure(panel: Panel) -> str:
    """What losses are counted in."""
    judged = panel.quality
    return f"points of test {judged.word}" if judged.sign > 0 else f"{judged.word} on test text"


def _perplexities(panel: Panel, level: float) -> list[str]:
    """Of text, what bits per byte are as perplexity: the baseline's, and how many times that."""
    base = panel.baseline_values(PERPLEXITY)
    ratios = {name: found for name in panel.criteria if (found := panel.values(f"{PERPLEXITY}_ratio", name, level))}
    if not base or not ratios:
        return []
    times = [f"{number(float(np.mean(found)), 2)} after {name}" for name, found in ratios.items()]
    return [
        f"Perplexity per token is {number(float(np.mean(base)))} untouched, and this many times that: {joined(times)}."
    ]


def _shown(view: View, held: Mapping[str, Sequence[float]]) -> Sequence[str]:
    """Of more criteria than a sentence holds, those of the contrast, the random ones, and those of fewer networks."""
    most = max(map(len, held.values()))
    fewer = [criterion for criterion, losses in held.items() if len(losses) < most]
    named = {*(view.contrast or ()), *view.index.random_criteria, *fewer}
    few = [criterion for criterion in held if criterion in named]
    return few if len(held) > LISTED and few else list(held)


def _range(panel: Panel, losses: Mapping[str, Sequence[float]]) -> str:
    if not losses:
        return ""
    ordered = sorted(losses, key=lambda criterion: float(np.mean(losses[criterion])))
    if len(ordered) == 1:
        return f"; {ordered[0]} {panel.quality.mean(losses[ordered[0]])}"
    ends = (f"{panel.quality.mean(losses[criterion])} ({criterion})" for criterion in (ordered[0], ordered[-1]))
    verb = "lose" if panel.quality.sign > 0 else "add"
    return f"; the {len(ordered)} others {verb} from {' to '.join(ends)}"


def _drawn(panel: Panel, criterion: str, level: float) -> str:
    rows = panel.at(level)
    rows = rows[rows["criterion"] == criterion]
    draws = int(rows["draw"].nunique())
    return f" ({counted(draws, 'draw')})" if draws else ""


def _contrast(view: View, found: Comparison | None) -> str:
    if view.contrast is None:
        return "With one criterion there is nothing to compare it with."
    first, second = view.contrast
    if found is None:
        return f"The study's contrast, {first} against {second}, could not be tested: no network has results of both."
    result = found.found
    networks = counted(result.n, "network")
    judged = found.quality
    interval = f", 95 % interval {judged.between(result.interval)}" if result.interval else ""
    kind = "exact" if result.flips.is_exact else "sampled"
    over = _averaged(view, first, second)
    head = (
        f"The study's contrast, {first} against {second}, averaged over {over} and tested once at 5 %: {first} "
        f"{_kept(found)} (difference {judged.one(result.mean)}{interval}; "
        f"{kind} sign-flip {p_is(found.p)}; {networks})."
    )
    return f"{head} {_verdict(found)}"


def _kept(found: Comparison) -> str:
    """`keeps 2.5 points more`, `adds 0.120 bits per byte less`: what the first does beside the second."""
    judged, is_more = found.quality, found.found.mean > 0
    verb = "keeps" if judged.sign > 0 else judged.loses
    amount = judged.one(abs(found.found.mean))
    if not float(amount):
        return f"{verb} as much"
    return f"{verb} {amount} {judged.measure} {'more' if is_more == (judged.sign > 0) else 'less'}"


def _averaged(view: View, first: str, second: str) -> str:
    """What the contrast is a mean over: a claim of it holds of that mean, not of each of its parts."""
    both = [panel for panel in view.outcomes if first in panel.criteria and second in panel.criteria]
    several = [word for name, word in AVERAGED.items() if len({panel.key[name] for panel in both}) > 1]
    return joined([*several, "budgets" if all(panel.cost for panel in view.outcomes) else "counts"])


def _verdict(found: Comparison) -> str:
    if not found.can_claim:
        return f"No claim is made: {too_few(found.found, 'network')}."
    if found.is_difference:
        return f"So {_better(found)}{_though(found.found.interval)}."
    return f"No difference between {found.first} and {found.second} was found{_power(found)}."


def _though(interval: Interval | None) -> str:
    """The t interval takes differences for normal, the test does not: the two may disagree."""
    holds = interval is not None and interval.low <= 0 <= interval.high
    return " by that test, although the t interval holds 0" if holds else ""


def _better(found: Comparison) -> str:
    winner, loser = (found.first, found.second) if found.found.mean > 0 else (found.second, found.first)
    return f"{winner} loses less than {loser}"


def _power(found: Comparison) -> str:
    if found.detectable is None:
        return ""
    amount = f"{found.quality.one(found.detectable)} {found.quality.measure}"
    return f"; a difference of {amount} could have been seen with 80 % power"


def _others(rest: Sequence[Comparison]) -> str:
    if not rest:
        return ""
    sentences = [f"The other {len(rest)} comparisons are corrected together by Holm's method."]
    if len(rest) == 1:
        sentences = ["There is one other comparison."]
    unable = [c for c in rest if not c.can_claim]
    if unable:
        smallest = min(c.smallest_p for c in unable)
        which = "none of them is" if len(unable) == len(rest) else f"{len(unable)} of them are not"
        reach = f"On so few networks no adjusted p below {p_value(smallest)} can be reached"
        sentences.append(f"{reach}, so {which} claimed.")
    shown = [f"{_better(c)} on {c.where} ({p_is(c.p)})" for c in rest if c.is_difference]
    if shown:
        sentences.append(f"The tests show: {listed(shown)}.")
    same = [f"{c.first} and {c.second} on {c.where}{_power(c)}" for c in rest if c.can_claim and not c.is_difference]
    if same:
        sentences.append(f"No difference was found between {listed(same)}.")
    return " ".join(sentences)


def _reach(view: View) -> str:
    beside = wholes(view)
    data = joined(sorted({*(panel.key["data"] for panel in view.panels), *(one.data for one in beside)}))
    models = joined(sorted({*(panel.key["model"] for panel in view.panels), *(one.model for one in beside)}))
    return (
        f"All of this was seen on {data} with {models}, on the machines named below; it says nothing about other data, "
        "other networks or other machines."
    )
