"""What is recommended under limits, place by place: the operating point that meets them, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.bounds import LEAST
from harness.stats import pareto
from harness.tables.columns import MACS_SAVED, OUTCOME
from harness.tables.items import Fetch
from harness.tables.operating_points import OF_OUTCOMES, OperatingPoint, Validated, points_of
from harness.tables.panels import KEY, RUNTIME, Panel
from harness.tables.qualities import ACCURACY, Quality

Bounded = Mapping[str, float]
PLACE = ("model", "data", "transform", RUNTIME, "machine_class")  # within which operating points are compared
ELSEWHERE = (RUNTIME, "machine_class")  # what accuracies do not depend on
USUAL: tuple[Bounded, ...] = (
    {f"{OUTCOME}_drop": 0.01},
    {"perplexity_ratio": 1.1},
    {"macs_ratio": 0.9},
    {"kv_cache_ratio": 0.75},
    {"latency_ratio": 0.9},
    {"speedup_decode": 1.1},
)
ROUNDING = 1e-9  # a loss of three in 300 items is a hundredth, whatever the computer's own arithmetic says


@dataclass(frozen=True)
class Recommendation:
    """The answer to one entry of limits at one place; `place` holds the words of `PLACE`.

    `point` is None where nothing is recommended, and `reason` says why; `nearest` then comes nearest to the limit.
    `aim` is what decided among those that meet the limits. `is_sure` says whether the whole intervals meet them, None
    where an interval is not known. `dominated` are criteria that others beat at every amount; `by_chance` are random
    ones that meet the limits at the recommended amount too.
    """

    bounds: Bounded
    place: Mapping[str, str]
    point: OperatingPoint | None = None
    aim: str = ""
    is_sure: bool | None = None
    reason: str = ""
    nearest: OperatingPoint | None = None
    dominated: tuple[str, ...] = ()
    by_chance: tuple[str, ...] = ()
    judged: Quality = ACCURACY


def recommendations(
    panels: Sequence[Panel], fetch: Fetch, asked: Sequence[Bounded] | None, random: Sequence[str]
) -> tuple[Recommendation, ...]:
    """One for each entry of limits and each place; of the usual limits only those that something was measured for."""
    validated = Validated(fetch)
    places: dict[tuple[str, ...], list[OperatingPoint]] = {}
    for panel in panels:
        key = tuple(panel.key[name] for name in PLACE)
        places.setdefault(key, []).extend(points_of(panel, _elsewhere(panel, panels), validated))
    everything = [point for points in places.values() for point in points]
    entries = [usual for usual in USUAL if _is_known(everything, usual)] if asked is None else asked
    beaten = {key: _dominated(points) for key, points in places.items()} if entries else {}
    return tuple(
        replace(
            _recommended(bounds, dict(zip(PLACE, key, strict=True)), points, random),
            dominated=beaten[key],
            judged=points[0].panel.quality,
        )
        for bounds in entries
        for key, points in places.items()
    )


def _elsewhere(panel: Panel, panels: Sequence[Panel]) -> list[Panel]:
    same = [name for name in KEY if name not in ELSEWHERE]
    return [p for p in panels if p is not panel and all(p.key[name] == panel.key[name] for name in same)]


def _is_known(points: Sequence[OperatingPoint], bounds: Bounded) -> bool:
    return any(_is_known_at(point, bounds) for point in points)


def _is_known_at(point: OperatingPoint, bounds: Bounded) -> bool:
    words = (*bounds, point.panel.quality.column)
    return all(point.estimate(word) is not None for word in words)


def _recommended(
    bounds: Bounded, place: Mapping[str, str], points: Sequence[OperatingPoint], random: Sequence[str]
) -> Recommendation:
    known = [point for point in points if _is_known_at(point, bounds)]
    meeting = [point for point in known if all(_holds(point, word, bound) for word, bound in bounds.items())]
    sound = [point for point in meeting if not _doubts(point, bounds)]
    chosen = [point for point in sound if point.criterion not in random]
    if not chosen:
        reason = _reason(bounds, points, known, meeting, sound)
        nearest = None if meeting else _nearest(bounds, [p for p in known if p.criterion not in random])
        return Recommendation(bounds, place, reason=reason, nearest=nearest)
    aim, point = _best(bounds, chosen)
    as_many = [p for p in sound if p.panel is point.panel and p.level == point.level]
    chance = tuple(p.criterion for p in as_many if p.criterion in random)
    return Recommendation(bounds, place, point, aim, _is_sure(point, bounds), by_chance=chance)


def _holds(point: OperatingPoint, word: str, bound: float) -> bool:
    found = point.estimate(word)
    return found is not None and _meets(word, found.value, bound)


def _meets(word: str, value: float, bound: float) -> bool:
    slack = ROUNDING * max(1.0, abs(bound))
    return value >= bound - slack if word in LEAST else value <= bound + slack


def _doubts(point: OperatingPoint, words: Bounded) -> list[str]:
    found = (point.estimate(word) for word in words)
    return [one.doubt for one in found if one is not None and one.doubt]


def _is_sure(point: OperatingPoint, bounds: Bounded) -> bool | None:
    """Whether the worse end of every interval meets its limit; of counts, every structure."""
    known = True
    for word, bound in bounds.items():
        found = point.estimate(word)
        ends = found.reach if found is not None else None
        if ends is None:
            known = False
        elif not _meets(word, ends.low if word in LEAST else ends.high, bound):
            return False
    return True if known else None


def _best(bounds: Bounded, meeting: Sequence[OperatingPoint]) -> tuple[str, OperatingPoint]:
    """Where the outcome alone is limited, what buys most; else what keeps most of it on validation."""
    if set(bounds) <= set(OF_OUTCOMES):
        aim = _price(meeting)
        if aim:
            return aim, max(_most(meeting, aim), key=lambda point: (point.kept, _value(point, aim)))
    best = max(meeting, key=lambda point: (point.kept, _value(point, MACS_SAVED)))
    return best.panel.quality.column, best


def _price(points: Sequence[OperatingPoint]) -> str:
    """What points are told apart by: speed where every one was timed soundly, else MACs, else parameters."""
    for word in ("speedup", "speedup_decode", MACS_SAVED, "params_saved"):
        found = [point.estimate(word) for point in points]
        if found and all(one is not None and not one.doubt for one in found):
            return word
    return ""


def _most(points: Sequence[OperatingPoint], word: str) -> list[OperatingPoint]:
    """Those that buy most, or cannot be told from the one that does."""
    first = max(points, key=lambda point: _value(point, word))
    least = _ends(first, word)[0]
    return [point for point in points if _ends(point, word)[1] >= least]


def _ends(point: OperatingPoint, word: str) -> tuple[float, float]:
    found = point.estimate(word)
    ends = found.ends if found is not None else None
    return (ends.low, ends.high) if ends else (_value(point, word), _value(point, word))


def _value(point: OperatingPoint, word: str) -> float:
    found = point.estimate(word)
    return float("-inf") if found is None else found.value


def _dominated(points: Sequence[OperatingPoint]) -> tuple[str, ...]:
    """Criteria that at every amount keep less of the validation outcome, or save less, than another point does."""
    held = [point for point in points if point.kept > -math.inf]
    word = _price(held)
    if not word:
        return ()
    gains = [{"kept": point.kept, "saved": _value(point, word)} for point in held]
    front = pareto(gains, {"kept": "higher", "saved": "higher"})
    best = {point.criterion for point, is_best in zip(held, front, strict=True) if is_best}
    return tuple(name for name in dict.fromkeys(point.criterion for point in held) if name not in best)


def _reason(
    bounds: Bounded,
    points: Sequence[OperatingPoint],
    known: Sequence[OperatingPoint],
    meeting: Sequence[OperatingPoint],
    sound: Sequence[OperatingPoint],
) -> str:
    if not known:
        return f"not known: {', '.join(_unmeasured(bounds, points))} was not measured here"
    if sound:
        return "only a random choice suffices"
    if meeting:
        doubts = " or ".join(sorted({doubt for point in meeting for doubt in _doubts(point, bounds)}))
        return f"nothing suffices by timings that can be trusted (those that would are {doubts})"
    return "nothing suffices"


def _unmeasured(bounds: Bounded, points: Sequence[OperatingPoint]) -> Iterator[str]:
    for word in dict.fromkeys((*bounds, points[0].panel.quality.column)):
        if all(point.estimate(word) is None for point in points):
            yield word


def _nearest(bounds: Bounded, points: Sequence[OperatingPoint]) -> OperatingPoint | None:
    """Of one limit, the point that comes nearest to it."""
    if len(bounds) != 1 or not points:
        return None
    word = next(iter(bounds))
    return (max if word in LEAST else min)(points, key=lambda point: _value(point, word))
