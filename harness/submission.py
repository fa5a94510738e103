"""The trials that are to run, as jobs of workers, and their way to the executor."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from harness.device_queue import spread
from harness.errors import SpecError
from harness.executors.base import Handle, end_all
from harness.jobs import Assignment, Job, JobFolder
from harness.live import Live, remember
from harness.models import needs
from harness.own_code import code_digest
from harness.place import Orders, Place
from harness.plan import Plan
from harness.records import STAGES
from harness.routes import Load, routes_of
from harness.runs import new_run_id
from harness.store import Store


@dataclass(frozen=True)
class Batch:
    """Jobs that are handed over together."""

    load: Load
    jobs: tuple[Job, ...]


def batches_of(
    plan: Plan, place: Place, todo: Sequence[Assignment], store: Store, orders: Orders
) -> list[tuple[Batch, ...]]:
    """Every route of the trials as batches that follow one another; raises SpecError where needs contradict."""
    head, numbers = _head(plan, place, store, orders), count()
    makers = plan.sharing.makers([one.trial for one in todo])
    told = [one.model_copy(update={"makers": makers[one.trial.id]}) for one in todo]
    routes = routes_of(place, place.needs(plan.study), told)
    for route in routes:
        _check_devices(route)
    return [tuple(Batch(load, tuple(_jobs(head, load, numbers))) for load in route) for route in routes]


def _check_devices(route: Sequence[Load]) -> None:
    """A record is of one device, and what was evaluated on another is not found again."""
    kinds = {load.device.partition(":")[0] for load in route if {*load.leg.stages} & {"evaluate", "cost"}}
    if len(kinds) > 1:
        raise SpecError("resources: evaluate and cost must both have GPUs or both have none: a record is of one device")


def _head(plan: Plan, place: Place, store: Store, orders: Orders) -> Job:
    """What all jobs of a launch have in common."""
    site = place.site
    stamp = new_run_id()
    return Job(
        id=stamp,
        chain=stamp,
        study=plan.study.study,
        results=str(store.root.resolve()),
        assignments=(),
        collectors=tuple(c.identity() for c in plan.collectors),
        costs=plan.study.costs,
        remeasure=plan.study.noise.remeasure,
        sharded=site.sharded,
        executor=place.executor.name,
        paths=site.paths,
        stage_data=site.stage_data,
        files=plan.files,
        plugins=plan.plugins,
        workers=site.workers,
        checkpoint_s=site.checkpoint_min * 60.0,
        retries=site.retries.by_class(),
        fresh=() if orders.fresh is None else STAGES if orders.fresh == "all" else (orders.fresh,),
        submitted=time.time(),
        limited=orders.limit is not None,
        preload=_preload(plan),
        follows_launcher=place.executor.is_here and not orders.detach,
        code=code_digest(),
    )


def _preload(plan: Plan) -> tuple[str, ...]:
    """What every trial of a worker would import for itself."""
    architectures = {str(trial.spec["architecture"]) for trial in plan.trials}
    found = [need for dataset in plan.datasets for need in dataset.needs]
    found += [need for architecture in sorted(architectures) for need in needs(architecture)]
    return tuple(dict.fromkeys(found))


def _jobs(head: Job, load: Load, numbers: Iterator[int]) -> Iterator[Job]:
    is_here = load.executor.is_here
    for slot, part in enumerate(load.parts):
        yield head.model_copy(
            update={
                "id": f"{head.chain}-{next(numbers)}",
                "assignments": tuple(part),
                "stages": load.leg.stages,
                "device": spread(load.device, slot) if is_here else load.device,
                "slot": slot,
                "side_by_side": len(load.parts) if is_here else 1,
                "timeout_s": load.leg.resources.minutes * 60.0,
            }
        )


def started(store: Store, study: str, routes: Sequence[Sequence[Batch]], is_detached: bool) -> list[Live]:
    """Hands the jobs over, all or none; where they may outlive this process, others can find them."""
    folder = JobFolder(store.root, study)
    found: list[Live] = []
    try:
        for route in routes:
            before: list[Handle] = []
            for batch in route:
                files = [folder.write(job) for job in batch.jobs]
                load = batch.load
                before = load.executor.start(files, folder.logs, load.leg.resources, load.device, before)
                own = [Live(*each) for each in zip(batch.jobs, files, before, strict=True)]
                found += own
                if is_detached or not load.executor.is_here:
                    for one in own:
                        remember(one.file, load.executor, one.handle)
    except BaseException:
        end_all([one.handle for one in found], now=False)
        raise
    return found
