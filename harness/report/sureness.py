"""How sure and how good the selections are, in words: stability, agreement, the optimum, before and after recovery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from harness.report.phrases import joined, listed
from harness.report.view import View
from harness.tables.assurance import Agreement, agreement, mean_tau
from harness.tables.budgets import beside
from harness.tables.cells import between, number, percent
from harness.tables.columns import OUTCOME_WORD
from harness.tables.optima import Standing, standings
from harness.tables.panels import Panel
from harness.tables.placing import natural
from harness.tables.recovered import kept
from harness.tables.selections import Selected, by_criterion, mean_at, sizes_of
from harness.wording import counted

NAMED = 3  # unsettled units; the table and the figure show more


def sureness(view: View) -> tuple[str, ...]:
    """The paragraphs; none of what was not asked for."""
    found: list[str] = []
    for panel, chosen in view.chosen:
        found += [_optimum(panel, standings(chosen)), _stability(panel, chosen)]
    found += [_agreement(view), _before_after(view), _targets(view)]
    return tuple(text for text in found if text)


def _optimum(panel: Panel, found: Sequence[Standing]) -> str:
    counts = sorted({one.count for one in found})
    if not counts:
        return ""
    middle = counts[(len(counts) - 1) // 2]
    at = [one for one in found if one.count == middle]
    first = at[0]
    sets = f"all {first.sets:.0f} sets" if first.sets else "all sets"
    of = f" of {panel.of}" if panel.of else ""
    head = f"Among {sets} of {middle}{of} {panel.sublayers} on {panel.setting}, untrained"
    if first.mean and first.validation:
        head += (
            f", the mean keeps {_percent(first.mean)} % test {OUTCOME_WORD} and the best (chosen on validation) "
            f"{_percent(first.validation)} %"
        )
    known = [(one.gain, one) for one in at if one.gain is not None]
    told = [_standing(one) for _, one in sorted(known, key=lambda pair: -pair[0])]
    above = "; above 1, a set does better on test than the one chosen" if any(gain > 1 for gain, _ in known) else ""
    where = f" On the way from that mean (0) to that best (1{above}): {listed(told)}." if told else ""
    gap = f" The best set by the calibration items {_away(first.gap)}." if first.gap else ""
    return f"{head}.{where}{gap}"


def _standing(one: Standing) -> str:
    share = f", no worse than {percent(float(np.mean(one.percentiles)), 0)} of them" if one.percentiles else ""
    return f"{one.criterion} {number(one.gain, 2)} (regret {_percent(one.regret)} points{share})"


def _away(gap: Sequence[float]) -> str:
    """The set that is best on fewer items may be the better one on test."""
    amount = _percent([abs(float(np.mean(gap)))])
    if not float(amount):
        return "is as good"
    return f"is {amount} points {'below' if np.mean(gap) > 0 else 'above'} it"


def _percent(shares: Sequence[float]) -> str:
    return number(100 * float(np.mean(shares)))


def _stability(panel: Panel, chosen: Sequence[Selected]) -> str:
    held = {name: own for name, found in by_criterion(chosen).items() if (own := [s for s in found if s.stability])}
    if not held:
        return ""
    taus = [_kept_order(name, own) for name, own in held.items()]
    unsettled = [text for name, own in held.items() if (text := _unsettled(name, own))]
    places = f"Places that the items do not settle: {'; '.join(unsettled)}." if unsettled else "Every place is settled."
    return (
        f"Made again on fewer calibration items ({panel.label}), rankings agree with that of all items by a Kendall's "
        f"tau of {listed(taus)}. {places}"
    )


def _kept_order(name: str, own: Sequence[Selected]) -> str:
    size = tuple(sizes_of(own))[-1]
    return f"{number(mean_at(own, 'sizes', size, 'tau'), 2)} for {name} ({size} items)"


def _unsettled(name: str, own: Sequence[Selected]) -> str:
    """Units that half of the networks or more leave unsettled, a few of them by name; others by number."""
    networks = len(own)
    units = Counter(unit for one in own for unit in one.unsettled)
    ordered = sorted((item for item in units.items() if 2 * item[1] >= networks), key=lambda item: natural(item[0]))
    parts = [f"{unit} ({times} of {networks})" if networks > 1 else unit for unit, times in ordered]
    if len(ordered) > NAMED:
        parts = [f"{len(ordered)} units{' in half of the networks or more' if networks > 1 else ''}"]
    others = len(units) - len(ordered)
    if others:
        parts.append(f"{counted(others, 'other' if ordered else 'unit')} in fewer than half of the networks")
    return f"of {name} {joined(parts)}" if parts else ""


def _agreement(view: View) -> str:
    told = [f"{panel.label}: {_ends(pairs)}" for panel, chosen in view.chosen if (pairs := agreement(chosen))]
    if not told:
        return ""
    return (
        "How far the criteria's rankings agree, by Kendall's tau (1: the same order, 0: unrelated, −1: reversed; in "
        f"brackets 95 % intervals over networks). {listed(told)}."
    )


def _ends(pairs: Agreement) -> str:
    """The pair that agrees most and the one that agrees least, which may be the same."""
    ordered = sorted(pairs, key=lambda pair: -float(np.mean(pairs[pair])))
    words = ("most ", "least ") if len(ordered) > 1 else ("",)
    ends = zip(words, (ordered[0], ordered[-1]), strict=False)
    return joined([f"{word}between {pair[0]} and {pair[1]} ({_tau(pairs[pair])})" for word, pair in ends])


def _tau(values: Sequence[float]) -> str:
    mean, interval = mean_tau(values)
    bounds = f" {between(interval, digits=2)}" if interval else ""
    return f"{number(mean, 2)}{bounds}, {counted(len(values), 'network')}"


def _before_after(view: View) -> str:
    parts = [f"{number(one.mean, 2)} on {one.after.label}" for one in kept(view.outcomes) if one.mean is not None]
    if not parts:
        return ""
    judged = view.quality
    return (
        f"{judged.title} before recovery orders removed sets as {judged.noun} after it does by a mean Kendall's tau of "
        f"{listed(parts)}. Amounts are kept apart."
    )


def _targets(view: View) -> str:
    """At the middle budget, what each target keeps by the study's first criterion that all of them have."""
    return " ".join(text for members in beside(view.outcomes) if (text := _beside(members)))


def _beside(members: Sequence[Panel]) -> str:
    common = [name for name in members[0].criteria if all(name in panel.criteria for panel in members)]
    level = members[0].middle
    if not common or any(level not in panel.levels for panel in members):
        return ""
    judged = members[0].quality
    values = {panel.key["target"]: panel.values(judged.column, common[0], level) for panel in members}
    per_cent = f" {judged.unit}" if judged.unit else ""
    parts = [
        f"{judged.one(float(np.mean(found)))}{per_cent} with the target {target}"
        for target, found in values.items()
        if found
    ]
    if len(parts) < 2:
        return ""
    return (
        f"Where {common[0]} was to save {members[0].amount(level)} on {members[0].setting}, test {judged.word} is "
        f"{joined(parts)}; no test was made of that, and the sets do not save just as much (see the table)."
    )
