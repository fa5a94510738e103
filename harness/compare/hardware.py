"""What machine classes agree on: which target is the cheaper removal, the order of trials and criteria, the front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import fmean, median

from harness.compare.machines import Machine, Point, machines
from harness.rankings import tau
from harness.schema import Json
from harness.sides import Side
from harness.stats import pareto

BETTER = {"drop": "lower", "gain": "higher"}


@dataclass(frozen=True)
class Duel:
    """Two targets on one machine, where as much of each was removed: in how many settings which of them gains more.

    A setting is unsure where the 95 % intervals of the two gains meet. `gains` are medians over settings.
    """

    machine: str
    metric: str
    targets: tuple[str, str]
    wins: tuple[int, int]
    settings: int
    gains: tuple[float, float]

    @property
    def winner(self) -> str | None:
        """The target that gains more in most settings, and in none less."""
        first, second = self.wins
        if first > second and not second and 2 * first > self.settings:
            return self.targets[0]
        return self.targets[1] if second > first and not first and 2 * second > self.settings else None


@dataclass(frozen=True)
class Agreement:
    """How far two machines order the same trials alike by one metric.

    `tau` is Kendall's of the gains; the Pareto fronts are of loss and gain, null where no loss is known.
    """

    machines: tuple[str, str]
    metric: str
    trials: int
    tau: float | None
    fronts: tuple[tuple[str, ...], tuple[str, ...]] | None


@dataclass(frozen=True)
class Criteria:
    """The order of criteria on two machines, by mean loss over the trials of both, the smallest first."""

    machines: tuple[str, str]
    trials: int
    orders: tuple[tuple[str, ...], tuple[str, ...]]
    tau: float | None


@dataclass(frozen=True)
class Hardware:
    """Everything that machine classes say of each other, from each one's ratios to its own baseline."""

    names: tuple[str, ...]
    duels: tuple[Duel, ...]
    agreements: tuple[Agreement, ...]
    criteria: tuple[Criteria, ...]

    def to_json(self) -> Json:
        """Plain JSON."""
        found: Json = asdict(self)
        return found


def hardware(sides: Sequence[Side]) -> Hardware | None:
    """None where all sides are of one machine class."""
    found = machines(sides)
    if len(found) < 2:
        return None
    pairs = list(combinations(found, 2))
    return Hardware(
        tuple(machine.name for machine in found),
        tuple(duel for machine in found for duel in _duels(machine)),
        tuple(one for pair in pairs for one in _agreements(*pair)),
        tuple(one for pair in pairs if (one := _criteria(*pair)) is not None),
    )


def _duels(machine: Machine) -> Iterator[Duel]:
    settings: dict[tuple[str, ...], dict[str, list[Point]]] = {}
    for point in machine.points:
        settings.setdefault(point.setting, {}).setdefault(point.result.info.target or "", []).append(point)
    for metric in dict.fromkeys(point.metric for point in machine.points):
        own = [targets for setting, targets in settings.items() if setting[0] == metric]
        for pair in combinations(sorted({target for targets in own for target in targets}), 2):
            both = [(targets[pair[0]], targets[pair[1]]) for targets in own if set(pair) <= targets.keys()]
            if both:
                yield _duel(machine.name, metric, pair, both)


def _duel(name: str, metric: str, pair: tuple[str, str], both: Sequence[tuple[list[Point], list[Point]]]) -> Duel:
    wins = Counter(_wins(*points) for points in both)
    middles = [tuple(median(point.gain.value for point in own) for own in points) for points in both]
    gains = median(first for first, _ in middles), median(second for _, second in middles)
    return Duel(name, metric, pair, (wins[0], wins[1]), len(both), gains)


def _wins(first: Sequence[Point], second: Sequence[Point]) -> int | None:
    """Which of the two gains more for sure, 0 or 1; None where their intervals meet, or one is not known."""
    held = [[point.gain.interval for point in own] for own in (first, second)]
    known = [[one for one in own if one is not None] for own in held]
    if not all(known):
        return None
    lows = [min(one.low for one in own) for own in known]
    highs = [max(one.high for one in own) for own in known]
    return 0 if lows[0] > highs[1] else 1 if lows[1] > highs[0] else None


def _agreements(first: Machine, second: Machine) -> Iterator[Agreement]:
    for metric in dict.fromkeys(point.metric for point in first.points):
        mine, others = first.of(metric), second.of(metric)
        shared = [digest for digest in mine if digest in others]
        if len(shared) > 1:
            gains = [[held[digest].gain.value for digest in shared] for held in (mine, others)]
            fronts = (_front(mine, shared), _front(others, shared))
            both = (fronts[0], fronts[1]) if all(fronts) else None
            yield Agreement((first.name, second.name), metric, len(shared), tau(*gains), both)


def _front(held: Mapping[str, Point], shared: Sequence[str]) -> tuple[str, ...]:
    """The trials that no other beats in both loss and gain; none where a loss is not known."""
    points = [{"drop": drop, "gain": held[d].gain.value} for d in shared if (drop := held[d].drop) is not None]
    if len(points) < len(shared):
        return ()
    is_on = pareto(points, BETTER)
    return tuple(held[digest].result.info.id for digest, on in zip(shared, is_on, strict=True) if on)


def _criteria(first: Machine, second: Machine) -> Criteria | None:
    shared = [digest for digest in first.drops if digest in second.drops]
    named = {p.result.info.digest: p.result.info.criterion or "" for p in first.points}
    groups: dict[str, list[str]] = {}
    for digest in shared:
        if digest in named:
            groups.setdefault(named[digest], []).append(digest)
    if len(groups) < 2:
        return None
    means = [{name: fmean(m.drops[d] for d in own) for name, own in groups.items()} for m in (first, second)]
    mine, others = (tuple(sorted(mean, key=lambda name: mean[name])) for mean in means)
    found = tau(*([mean[name] for name in groups] for mean in means))
    return Criteria((first.name, second.name), sum(map(len, groups.values())), (mine, others), found)
