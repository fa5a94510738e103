"""The way of trials through the legs of a study: which jobs carry out which stages for whom, and in what order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.executors.base import Executor
from harness.jobs import Assignment
from harness.place import Place
from harness.records import STAGES
from harness.resources import Leg, StageResources, in_one_leg, legs_of


@dataclass(frozen=True)
class Load:
    """What one leg carries: the trials of each job, dealt out by an executor that knows the leg's needs."""

    leg: Leg
    executor: Executor
    device: str
    parts: tuple[Sequence[Assignment], ...]


def routes_of(place: Place, needs: Mapping[str, StageResources], todo: Sequence[Assignment]) -> list[tuple[Load, ...]]:
    """For trials with the same needs, which go by their models, one route: its loads follow one another.

    On this machine all is one load.
    """
    if not todo:
        return []
    if place.executor.is_here:
        return [(_load(place, in_one_leg([*needs.values()]), todo),)]
    routes: list[tuple[StageResources, list[Assignment]]] = []
    of_model: dict[str, list[Assignment]] = {}
    for model, own in needs.items():
        alike = next((trials for other, trials in routes if other == own), None)
        if alike is None:
            alike = []
            routes.append((own, alike))
        of_model[model] = alike
    for assignment in todo:
        of_model[assignment.trial.model].append(assignment)
    return [_route(place, own, trials) for own, trials in routes if trials]


def _route(place: Place, needs: StageResources, todo: Sequence[Assignment]) -> tuple[Load, ...]:
    loads = [_load(place, leg, todo) for leg in legs_of(needs)]
    if _share_a_training(loads[0].parts):
        # Made once and early, so that no other job holds a node while it waits for it.
        loads = [_load(place, leg, todo) for leg in legs_of(needs, prepares_apart=True)]
    return tuple(load for load in loads if load.parts)


def _load(place: Place, leg: Leg, todo: Sequence[Assignment]) -> Load:
    own = leg.resources
    if leg.stages == STAGES[:1] and own.trials_per_job is None:
        own = own.model_copy(update={"trials_per_job": 1})
    executor = place.executor.with_needs(own)
    trials = todo if leg.is_last else [one for one in todo if _makes_any(one, leg.stages)]
    return Load(leg, executor, place.device_for(own), tuple(executor.deal(trials)))


def _makes_any(assignment: Assignment, stages: Sequence[str]) -> bool:
    """Whether others take over what this trial makes at one of these stages, or it is the only one to need it."""
    return any(assignment.makers.get(stage) == assignment.trial.id for stage in stages)


def _share_a_training(parts: Sequence[Sequence[Assignment]]) -> bool:
    """Whether several jobs wait for the same model to be trained."""
    if len(parts) < 2:
        return False
    jobs = Counter(maker for part in parts for maker in {a.makers.get(STAGES[0]) for a in part if _is_trained(a)})
    return max(jobs.values(), default=0) > 1


def _is_trained(assignment: Assignment) -> bool:
    weights = assignment.trial.spec.get("weights")
    return isinstance(weights, dict) and "train" in weights
