"""What of a plan is still to be measured here, and why the rest is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from harness.briefs import Brief
from harness.collectors.base import Collector, CostCollector
from harness.jobs import Assignment
from harness.plan import Plan
from harness.records import Asked, TrialInfo

PATIENCE = 2  # runs in which a collector fails before its null counts as an answer


@dataclass(frozen=True)
class Standing:
    """One planned trial: `missing` is what is not measured yet; `failed` is its newest run where that failed."""

    trial: TrialInfo
    missing: tuple[Asked, ...]
    failed: Brief | None
    attempts: int

    @property
    def is_done(self) -> bool:
        return not self.missing

    @property
    def is_held_back(self) -> bool:
        """Failed in a way that trying again does not cure."""
        return bool(self.missing) and self.failed is not None and not self.failed.may_retry


def standings(plan: Plan, briefs: Iterable[Brief], machine_class: str | None) -> tuple[Standing, ...]:
    """Where each trial of the plan stands.

    An exact measurement counts wherever it was made, a noisy one on this machine class only; with `machine_class`
    None (nobody knows yet where it will run) any counts.
    """
    runs: dict[str, list[Brief]] = {}
    for one in briefs:
        runs.setdefault(one.trial, []).append(one)
    asked = _asked(plan)
    return tuple(_standing(t, runs.get(t.id, ()), asked[plan.kind_of(t)], machine_class) for t in plan.trials)


@dataclass(frozen=True)
class _Questions:
    """What a trial is asked: the same everywhere, or of this machine."""

    exact: dict[str, Asked]
    noisy: dict[str, Asked]
    all: tuple[Asked, ...]


def _asked(plan: Plan) -> dict[Hashable, _Questions]:
    """The questions of every kind of trial that the plan has, for trials of one kind share theirs."""
    exact = [c for c in plan.collectors if not _is_noisy(c)]
    noisy = [c for c in plan.collectors if _is_noisy(c)]
    kinds = {plan.kind_of(trial): trial for trial in plan.trials}
    return {
        kind: _questions(plan.questions(trial, exact), plan.questions(trial, noisy)) for kind, trial in kinds.items()
    }


def _questions(exact: Sequence[Asked], noisy: Sequence[Asked]) -> _Questions:
    return _Questions({a.key: a for a in exact}, {a.key: a for a in noisy}, (*exact, *noisy))


def _is_noisy(collector: Collector) -> bool:
    return isinstance(collector, CostCollector) and collector.kind == "noisy"


def _standing(trial: TrialInfo, runs: Sequence[Brief], asked: _Questions, machine_class: str | None) -> Standing:
    if not runs:
        return Standing(trial, asked.all, None, 0)
    good = [run for run in runs if run.status == "ok"]
    anywhere = _answered(good)
    here = [run for run in good if machine_class in (None, run.machine_class)]
    missing = [a for key, a in asked.exact.items() if key not in anywhere]
    answered_here = anywhere if len(here) == len(good) else _answered(here)
    missing += [a for key, a in asked.noisy.items() if key not in answered_here]
    newest = max(runs, key=lambda run: (run.started, run.run))
    return Standing(trial, tuple(missing), newest if newest.status == "failed" else None, len(runs))


def _answered(runs: Sequence[Brief]) -> set[str]:
    """The questions that have an answer; one whose collector failed is asked again, a few times."""
    answers = {key for run in runs for key in run.answered}
    tries = Counter(key for run in runs for key in run.unanswered)
    return answers | {key for key, count in tries.items() if count >= PATIENCE}


def assignments(
    plan: Plan, stand: Sequence[Standing], *, fresh: bool = False, retry_failed: bool = False, limit: int | None = None
) -> tuple[Assignment, ...]:
    """The trials to run now. `fresh` asks for everything again; `limit` keeps that many candidates."""
    todo = [
        Assignment(
            trial=s.trial,
            asked=plan.questions(s.trial, plan.collectors) if fresh else s.missing,
            attempt=s.attempts + 1,
        )
        for s in stand
        if fresh or (s.missing and (retry_failed or not s.is_held_back))
    ]
    return tuple(todo) if limit is None else _limited(todo, limit)


def _limited(todo: list[Assignment], limit: int) -> tuple[Assignment, ...]:
    candidates = [a.trial for a in todo if not a.trial.is_baseline][:limit]
    wanted = {name for trial in candidates for name in (trial.id, trial.baseline, trial.untouched)}
    return tuple(a for a in todo if a.trial.id in wanted)


def tally(stand: Sequence[Standing]) -> dict[str, int]:
    """How many trials are done, failed (and held back) and new."""
    words = Counter("done" if s.is_done else "failed" if s.is_held_back else "new" for s in stand)
    return {word: words[word] for word in ("done", "failed", "new")}
