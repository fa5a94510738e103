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
from harness.schema import canonical
from harness.trials import has_work_in, up_to


@dataclass(frozen=True)
class Load:
    """What one leg carries: the trials of each job, dealt out by an executor that knows the leg's needs."""

    leg: Leg
    executor: Executor
    device: str
    parts: tuple[Sequence[Assignment], ...]


def routes_of(place: Place, models: Mapping[str, StageResources], todo: Sequence[Assignment]) -> list[tuple[Load, ...]]:
    """For trials with the same needs one route: its loads follow one another. On this machine all is one load."""
    needs = {name: own.over(place.site.resources) for name, own in models.items()}
    if place.executor.is_here:
        leg = in_one_leg([place.site.resources, *needs.values()])
        return [(Load(leg, place.executor, place.device, tuple(place.executor.deal(todo))),)] if todo else []
    groups: dict[str, list[Assignment]] = {}
    words = {name: str(legs_of(one)) for name, one in needs.items()}
    held = {words[name]: one for name, one in needs.items()}
    for assignment in todo:
        groups.setdefault(words[assignment.trial.model], []).append(assignment)
    return [_route(place, held[word], group) for word, group in groups.items()]


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
    trials = todo if leg.is_last else _makers(todo, leg.stages)
    return Load(leg, executor, _device(place, leg), tuple(executor.deal(trials)))


def _makers(todo: Sequence[Assignment], stages: Sequence[str]) -> list[Assignment]:
    """One trial for everything that these stages make."""
    found: dict[str, Assignment] = {}
    for assignment in todo:
        spec = assignment.trial.spec
        if any(has_work_in(spec, stage) for stage in stages):
            found.setdefault(canonical(up_to(spec, stages[-1])), assignment)
    return list(found.values())


def _share_a_training(parts: Sequence[Sequence[Assignment]]) -> bool:
    """Whether several jobs wait for the same model to be trained."""
    if len(parts) < 2:
        return False
    jobs = Counter(
        word
        for part in parts
        for word in {canonical(up_to(a.trial.spec, STAGES[0])) for a in part if "train" in _weights(a)}
    )
    return max(jobs.values(), default=0) > 1


def _weights(assignment: Assignment) -> Mapping[str, object]:
    found = assignment.trial.spec.get("weights")
    return found if isinstance(found, dict) else {}


def _device(place: Place, leg: Leg) -> str:
    """Elsewhere a GPU is used where one is asked for: a node may show GPUs that were given to others."""
    asked, own = place.site.device, leg.resources
    if asked == "auto":
        return "cuda" if own.wants_gpu else "cpu"
    return "cpu" if own.gpus_per_node == 0 else asked
