"""The history of a study in words: what it holds, every step, and what the search for steps cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.history.findings import Step
from harness.history.series import Accumulated, Point, Series, Value
from harness.history.steps import FEWEST, LEVEL, LEVEL_INSIDE
from harness.schema import Json
from harness.wording import counted


@dataclass(frozen=True)
class History:
    """All of it: the series, their steps by transition, where records came from, and what could not be read."""

    study: str
    accumulated: Accumulated
    steps: tuple[Step, ...]
    sources: Mapping[str, int]
    refused: tuple[str, ...]

    @property
    def noisy(self) -> tuple[Series, ...]:
        """The noisy series that are long enough to show a step."""
        return tuple(s for s in self.accumulated.series if not s.kind.is_exact and len(s.points) >= FEWEST)

    @property
    def unsteady(self) -> tuple[Series, ...]:
        """Exact series that have two values at one state of the code: a change there need not come from a commit."""
        return tuple(s for s in self.accumulated.series if any(point.others for point in s.points))


def summary(history: History) -> tuple[str, ...]:
    """What was looked at, and what follows for how far it can be believed."""
    held = history.accumulated
    machines = {s.name.machine_class for s in held.series}
    where = ", ".join(f"{counted(count, 'run')} from {source}" for source, count in history.sources.items())
    lines = [
        f"{history.study}: {where}; {counted(len(held.states), 'state')} of the code, {held.ordering}",
        f"{len(held.series)} series of two points or more on {counted(len(machines), 'kind')} of machine; "
        f"{held.single} of one point",
    ]
    short = sum(not s.kind.is_exact for s in held.series) - len(history.noisy)
    if short:
        lines.append(f"{short} noisy series have fewer than {FEWEST} points, in which no step can be shown")
    if history.noisy:
        most = (LEVEL + LEVEL_INSIDE) * len(history.noisy)
        lines.append(f"of {len(history.noisy)} noisy series about {most:.1f} show a step by chance where none has one")
    if history.unsteady:
        names = sorted({s.name.metric for s in history.unsteady})
        lines.append(
            f"{len(history.unsteady)} exact series have several values at one state of the code "
            f"({', '.join(names[:4])}): their changes need not come from a commit"
        )
    if held.left_out:
        lines.append(f"{held.left_out} left out: runs that tell no machine or were limited, and tainted measurements")
    return (*lines, *(f"not read: {sentence}" for sentence in history.refused))


def transitions(history: History) -> list[list[Step]]:
    """Steps by the two states of the code that they lie between, in the order of states; worse ones first."""
    found: dict[tuple[int, int], list[Step]] = {}
    places = {code: place for place, code in enumerate(history.accumulated.states)}
    for step in history.steps:
        found.setdefault((places[step.new.code], places[step.old.code]), []).append(step)
    turns = ("worse", "changed", "better")
    for held in found.values():
        held.sort(key=lambda step: (turns.index(step.turn), step.series.name.metric, step.series.name.trial))
    return [held for _, held in sorted(found.items())]


def heading(steps: Sequence[Step]) -> str:
    """Of a transition: `1234abcd -> 5678ef01: first in commit 5678ef01; torch 2.9.0 -> 2.10.0`."""
    step = min(steps, key=lambda one: one.p or 0.0)  # an exact one is certain, and stands for all
    labels = f"{step.old.code.label} -> {step.new.code.label}"
    if step.first is not None:
        sure = "first" if step.p is None else "most likely first"
        told = f"{sure} in commit {step.first}"
    else:
        told = f"no single commit can be named: {step.why_not}"
        if step.commits is not None and len(step.commits) > 1:
            told += f", from {step.commits[0][:8]} to {step.commits[-1][:8]}"
    return "; ".join([f"{labels}: {told}", *step.also])


def sentence(step: Step) -> str:
    """`latency_s (batch 1), ratio to baseline: 0.91 -> 1.02 (+12.1 %, p 0.0001)`."""
    unit = step.series.kind.unit
    shown = f"{_number(step.before)} -> {_number(step.after)}" + (f" {unit}" if unit not in ("", "1") else "")
    details = [*([_change(step)] if step.change is not None else []), *([f"p {step.p:.1g}"] if step.p else [])]
    return f"{step.series.name.metric}: {shown}" + (f" ({', '.join(details)})" if details else "")


def _change(step: Step) -> str:
    change = step.change or 0.0
    return f"{change:+.2%}".replace("%", " %") if step.is_share else f"{change:+.6g}"


def _number(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else value or "nothing"


def as_json(history: History) -> dict[str, Json]:
    """Everything, for scripts; values in base units."""
    held = history.accumulated
    steps: dict[int, list[Step]] = {}
    for step in history.steps:
        steps.setdefault(id(step.series), []).append(step)
    return {
        "study": history.study,
        "ordering": held.ordering,
        "states": [code.label for code in held.states],
        "sources": dict(history.sources),
        "refused": list(history.refused),
        "left_out": held.left_out,
        "levels": {"of_a_step": LEVEL, "of_a_stretch": LEVEL_INSIDE},
        "series": [_series(one, steps.get(id(one), [])) for one in held.series],
    }


def _series(series: Series, steps: Sequence[Step]) -> dict[str, Json]:
    name, kind = series.name, series.kind
    return {
        "trial": name.trial,
        "metric": name.metric,
        "machine_class": name.machine_class,
        "device": name.device,
        "threads": name.threads,
        "unit": kind.unit,
        "better": kind.better,
        "kind": "exact" if kind.is_exact else "noisy",
        "points": [*_points(series.points)],
        "steps": [_step(step) for step in steps],
    }


def _points(points: Sequence[Point]) -> Iterator[Json]:
    for point in points:
        code = point.code
        yield {
            "commit": code.commit,
            "dirty": code.is_dirty,
            "harness": code.version,
            "software_class": code.software_class,
            "value": point.value,
            "runs": point.runs,
            "other_values": list(point.others),
        }


def _step(step: Step) -> Json:
    return {
        "from": step.old.code.label,
        "to": step.new.code.label,
        "before": step.before,
        "after": step.after,
        "change": step.change,
        "is_share": step.is_share,
        "turn": step.turn,
        "p": step.p,
        "commits": None if step.commits is None else list(step.commits),
        "first": step.first,
        "why_not": step.why_not,
        "also_changed": list(step.also),
    }
