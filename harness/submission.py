"""The trials that are to run, as jobs of workers, and their way to the executor."""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness.device_queue import spread
from harness.jobs import Assignment, Job, JobFolder
from harness.live import Live, remember
from harness.own_code import code_digest
from harness.place import Orders, Place
from harness.plan import Plan
from harness.records import STAGES
from harness.runs import new_run_id
from harness.store import Store


def jobs_of(plan: Plan, place: Place, todo: Sequence[Assignment], store: Store, orders: Orders) -> list[Job]:
    """The trials as the executor deals them out to workers."""
    site, executor = place.site, place.executor
    fresh = () if orders.fresh is None else STAGES if orders.fresh == "all" else (orders.fresh,)
    stamp = new_run_id()
    parts = executor.deal(todo)
    return [
        Job(
            id=f"{stamp}-{slot}",
            study=plan.study.study,
            results=str(store.root.resolve()),
            assignments=tuple(part),
            collectors=tuple(c.identity() for c in plan.collectors),
            costs=plan.study.costs,
            remeasure=plan.study.noise.remeasure,
            device=spread(place.device, slot) if executor.is_here else place.device,
            slot=slot,
            side_by_side=len(parts) if executor.is_here else 1,
            executor=executor.name,
            paths=site.paths,
            files=plan.files,
            plugins=plan.plugins,
            workers=site.workers,
            timeout_s=site.resources.default.timeout_min * 60.0,
            retries=site.retries.model_dump(),
            fresh=fresh,
            submitted=time.time(),
            limited=orders.limit is not None,
            preload=tuple(need for dataset in plan.datasets for need in dataset.needs),
            follows_launcher=executor.is_here and not orders.detach,
            code=code_digest(),
        )
        for slot, part in enumerate(parts)
    ]


def started(store: Store, jobs: Sequence[Job], place: Place, is_detached: bool) -> list[Live]:
    """Hands the jobs over; where they may outlive this process, others can find them."""
    if not jobs:
        return []
    folder = JobFolder(store.root, jobs[0].study)
    files = [folder.write(job) for job in jobs]
    handles = place.executor.start(files, folder.logs, place.site.resources.default, place.device)
    found = [Live(*each) for each in zip(jobs, files, handles, strict=True)]
    if is_detached or not place.executor.is_here:
        for one in found:
            remember(one.file, place.executor, one.handle)
    return found
