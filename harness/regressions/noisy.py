"""Noisy metrics of all trials as one family: each judged by itself, and each metric over all trials at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.regressions.cases import Case, cases
from harness.regressions.evidence import BETWEEN, BETWEEN_RESIDENT, Evidence, Series, Spread, between_runs, evidence
from harness.regressions.finding import Finding, Limits, Mark
from harness.regressions.pairs import Pair
from harness.regressions.ranks import fewest
from harness.stats import holm, sign_flips

EVERYWHERE = "all trials"
RAW = (
    "raw values move with the pace of the machine from run to run, and nothing was timed beside these; several runs "
    "on both sides tell by how much, or --between SHARE states it"
)


@dataclass(frozen=True)
class Verdict:
    """What the whole family leaves of one piece of evidence; `detectable` is null where nothing could be seen."""

    mark: Mark
    p: float = 1.0
    detectable: float | None = None


def noisy(found: Iterable[Pair], limits: Limits) -> tuple[Finding, ...]:
    """A finding for each metric over all trials, then one for each measurement that is no other trial's as well."""
    weighed = _weighed(cases(found), limits)
    alone = [case.evidence for case in weighed if case.evidence is not None]
    together = [_over_all(own) for own in _groups(weighed).values() if len(own) > 1]
    family = [*alone, *(own for _, own in together)]
    verdicts = judged(family, limits)
    of_cases = iter(verdicts)
    told = [case.finding if case.evidence is None else _told(case, next(of_cases), family, limits) for case in weighed]
    whole = [_settled(finding, verdict) for (finding, _), verdict in zip(together, of_cases, strict=True)]
    return (*(finding for finding in whole if finding.mark != "?"), *told)


def judged(family: Sequence[Evidence], limits: Limits) -> tuple[Verdict, ...]:
    """Marks by Holm's method, for what is worse and for what is better, each at the level of the whole comparison.

    What could never reach the level, however far it moved, is unknown and no part of the family: that depends on the
    numbers of samples alone.
    """
    able = [place for place, own in enumerate(family) if own.smallest_p <= _share(family, limits)]
    worse = dict(zip(able, holm([family[place].p_worse for place in able]), strict=True))
    better = dict(zip(able, holm([family[place].p_better for place in able]), strict=True))
    found: list[Verdict] = []
    for place, own in enumerate(family):
        if place not in worse:
            found.append(Verdict("?"))
            continue
        p = min(worse[place], better[place])
        counts = p <= limits.level and abs(math.expm1(own.worse)) > limits.effect
        mark: Mark = ("-" if worse[place] <= limits.level else "+") if counts else "~"
        found.append(Verdict(mark, p, own.detectable(limits.level / len(able), limits.effect)))
    return tuple(found)


def _share(family: Sequence[Evidence], limits: Limits) -> float:
    """The level of one of the family, all of it counted."""
    return limits.level / len(family)


def _told(case: Case, verdict: Verdict, family: Sequence[Evidence], limits: Limits) -> Finding:
    if verdict.mark == "?":
        return replace(case.finding, note=_too_few(case, family, limits))
    if not case.doubt:
        return _settled(case.finding, verdict)
    unseen = replace(verdict, detectable=None)
    if verdict.mark == "~":
        return _settled(case.finding, unseen)
    return _settled(replace(case.finding, note=f"moved, but {case.doubt}"), replace(unseen, mark="?"))


def _settled(finding: Finding, verdict: Verdict) -> Finding:
    return replace(finding, mark=verdict.mark, p=verdict.p, detectable=verdict.detectable)


def _too_few(case: Case, family: Sequence[Evidence], limits: Limits) -> str:
    sizes = " and ".join(str(len(one.samples)) for one in case.sides or ())
    needed = _share(family, limits)
    return (
        f"too few samples ({sizes}) to be sure of anything among {len(family)} that are judged together: "
        f"{fewest(needed)} on each side would do, and those of several runs add up"
    )


def _groups(weighed: Iterable[Case]) -> Mapping[tuple[str, str], list[Case]]:
    """Measurements of a metric that speak together: ratios only, for raw values of one day share the day."""
    found: dict[tuple[str, str], list[Case]] = {}
    for case in weighed:
        if case.evidence is not None and case.is_ratio and not case.doubt:
            found.setdefault(case.group, []).append(case)
    return found


def _over_all(own: Sequence[Case]) -> tuple[Finding, Evidence]:
    """A metric over all trials by sign flips: one number for each measurement, so that runs are the units."""
    moved = [case.evidence.worse for case in own if case.evidence is not None]
    count, mean = len(moved), math.fsum(moved) / len(moved)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in moved) / (count - 1))
    flips = sign_flips(moved)
    found = Evidence(
        worse=mean,
        error=sd / math.sqrt(count),
        p_worse=flips.p / 2 if mean > 0 else 1.0,
        p_better=flips.p / 2 if mean < 0 else 1.0,
        smallest_p=flips.smallest_p / 2,
        spread=Spread(0.0, count - 1),
    )
    told = replace(own[0].finding, trial=EVERYWHERE, first=None, second=None, also=0)
    return replace(told, change=found.change(own[0].better), note=f"mean of {count} measurements"), found


def _weighed(found: Sequence[Case], limits: Limits) -> list[Case]:
    """With the evidence of each, given what runs of its metric differ by."""
    spreads = _spreads(found, limits)
    weighed: list[Case] = []
    for case in found:
        spread = spreads[case.group]
        if case.sides is not None and spread is None:
            case = replace(case, sides=None, finding=replace(case.finding, note=RAW))
        elif case.sides is not None and spread is not None:
            own = evidence(*case.sides, case.better, spread)
            case = replace(case, evidence=own, finding=replace(case.finding, change=own.change(case.better)))
        weighed.append(case)
    return weighed


def _spreads(found: Iterable[Case], limits: Limits) -> Mapping[tuple[str, str], Spread | None]:
    """For each metric: as is stated, else estimated from repeated runs, else as is known; of raw values nothing is."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in found:
        groups.setdefault(case.group, []).append(case)
    return {group: _spread(own, limits) for group, own in groups.items()}


def _spread(own: Sequence[Case], limits: Limits) -> Spread | None:
    if limits.between is not None:
        return Spread(limits.between)
    many: list[Series] = [one for case in own for one in case.sides or ()]
    known = Spread(BETWEEN_RESIDENT if own[0].is_resident else BETWEEN) if own[0].is_ratio else None
    return between_runs(many) or known
