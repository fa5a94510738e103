"""The steps of a series: between which states of the code, how large, for better or worse, what else changed there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from harness.history.code import also_changed
from harness.history.commits import Line
from harness.history.series import Point, Series, Value
from harness.history.steps import breaks
from harness.wording import counted

Turn: TypeAlias = Literal["better", "worse", "changed"]
GOOD = {"ok", "passed"}  # among the texts


@dataclass(frozen=True)
class Step:
    """A change between two neighbouring points; `p` is null for an exact one, which is certain.

    `commits` are those after the old point up to the new one, where a repository tells; `first` is the commit that
    brought the change, and `why_not` says why none can be named.
    """

    series: Series
    old: Point
    new: Point
    before: Value
    after: Value
    turn: Turn
    p: float | None
    commits: tuple[str, ...] | None
    first: str | None
    why_not: str | None
    also: tuple[str, ...]

    @property
    def change(self) -> float | None:
        """What it changed by: as a share where ratios count, else as a difference; null for texts."""
        if not isinstance(self.before, float) or not isinstance(self.after, float):
            return None
        return self.after / self.before - 1 if self.is_share else self.after - self.before

    @property
    def is_share(self) -> bool:
        """Whether `change` is a share of the value before."""
        if not isinstance(self.before, float) or self.before <= 0:
            return False
        return self.series.kind.unit != "1" or self.series.kind.is_log


def steps_of(series: Series, line: Line | None) -> tuple[Step, ...]:
    """Of an exact series every change, of a noisy one what the test is sure of."""
    found = _exact(series) if series.kind.is_exact else _noisy(series)
    return tuple(_step(series, place, before, after, p, line) for place, before, after, p in found)


def _exact(series: Series) -> Iterator[tuple[int, Value, Value, None]]:
    values = [point.value for point in series.points]
    for place in range(1, len(values)):
        if values[place] != values[place - 1]:
            yield place, values[place - 1], values[place], None


def _noisy(series: Series) -> Iterator[tuple[int, Value, Value, float]]:
    back = math.exp if series.kind.is_log else float
    for one in breaks(np.array(series.numbers)):
        yield one.place, back(one.before), back(one.after), one.p


def _step(series: Series, place: int, before: Value, after: Value, p: float | None, line: Line | None) -> Step:
    old, new = series.points[place - 1], series.points[place]
    also = also_changed(old.made, new.made)
    commits, why_not = _between(old, new, line)
    if commits is not None and old.code.software_class != new.code.software_class:
        why_not = "the software changed with it"
    first = commits[-1] if commits and why_not is None else None
    return Step(series, old, new, before, after, _turn(series, before, after), p, commits, first, why_not, also)


def _between(old: Point, new: Point, line: Line | None) -> tuple[tuple[str, ...] | None, str | None]:
    """The commits that may have brought a change, and why none of them can be called the first one that did."""
    a, b = old.code, new.code
    if a.commit is None or b.commit is None or line is None or a.place is None or b.place is None:
        return None, "no repository at hand knows both commits"
    if a.commit == b.commit:
        return None, "both points are of one commit"
    found = line.between(a.commit, b.commit)
    if found is None:
        return None, "neither commit leads to the other"
    if a.is_dirty or b.is_dirty:
        return found, "files were changed that no commit holds"
    return found, None if len(found) == 1 else f"{counted(len(found), 'commit')} lie between the two points"


def _turn(series: Series, before: Value, after: Value) -> Turn:
    if GOOD & {before, after}:
        return "better" if after in GOOD else "worse"
    if series.kind.better is None or not isinstance(before, float) or not isinstance(after, float):
        return "changed"
    return "better" if (after > before) == (series.kind.better == "higher") else "worse"
