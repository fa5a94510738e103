"""Runs a study: what is done is skipped, the rest handed to an executor and watched until it ends."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML

from harness.device_queue import spread, visible_gpus
from harness.errors import DeviceError, Problem, SpecError, StoreError
from harness.executors.base import Executor, executors
from harness.following import Follower, Summary, Unwatched, Watcher
from harness.hardware import machine_class
from harness.jobs import Assignment, Job, JobFolder
from harness.live import Live, live_jobs, remember
from harness.numerics import fault
from harness.own_code import code_digest
from harness.pending import Standing, assignments, standings
from harness.plan import Plan, make_plan
from harness.records import STAGES, StudyIndex
from harness.runs import new_run_id
from harness.schema import problems_of
from harness.site import Site
from harness.spec import Study, TrainedWeights
from harness.store import Store
from harness.study_file import StudyFile


@dataclass(frozen=True)
class Orders:
    """What the command line adds to a study file."""

    device: str | None = None
    executor: str | None = None
    limit: int | None = None
    fresh: str | None = None  # a stage, "all", or None
    retry_failed: bool = False
    detach: bool = False
    command: str = ""


@dataclass(frozen=True)
class Place:
    """Where the trials will run."""

    site: Site
    executor: Executor
    device: str

    @property
    def machine_class(self) -> str | None:
        """Known before for this machine; None where an executor finds the machine later."""
        return machine_class(self.device) if self.executor.is_here else None


def launch(file: StudyFile, results: Path, orders: Orders, watcher: Watcher) -> Summary:
    """Plans, skips, submits and watches; raises a HarnessError before anything runs where something is wrong.

    What jobs of an earlier launch still do is followed and not done again.
    """
    plan = make_plan(file, results)
    place = place_of(file.site, orders)
    if orders.detach and not place.executor.can_detach:
        raise SpecError(f"--detach: jobs of the executor {place.executor.name} end with their launcher")
    store = Store(results)
    study = plan.study.study
    others, deaths = _still_running(store, study)
    follower = Follower(store, others, watcher, Summary(study, 0, 0))  # listens before the records are read
    stand = standings(plan, store.records(study), place.machine_class)
    asked = assignments(
        plan, stand, fresh=orders.fresh is not None, retry_failed=orders.retry_failed, limit=orders.limit
    )
    awaited = {} if orders.fresh else follower.awaited()
    todo = [a for a in asked if not {each.key for each in a.asked} <= awaited.get(a.trial.id, frozenset())]
    if todo:
        _check_amp(file, plan.study, place.device)
        _check_runtimes(file, plan.study, place.device)
    summary = follower.summary = _summary(plan, stand, asked)
    summary.deaths += deaths
    _write_plan(store, plan, file, orders)
    if todo:
        for dataset in plan.datasets:
            dataset.fetch({label: Path(folder) for label, folder in place.site.paths.items()})
    if todo or others:
        watcher.begins(len(plan.trials), len(asked), f"{place.executor.name}, device {place.device}")
        own = _started(store, _jobs(plan, place, todo, store, orders), place, orders.detach)
        if orders.detach:
            summary.is_detached, summary.left = True, len(asked)
        else:
            follower.add(own)
            follower.follow()
    return summary


def watch(store: Store, study: str, watcher: Watcher) -> Summary:
    """Follows the jobs of a study that run without a launcher, to their end; raises StoreError without a plan."""
    index = store.read_index(study)
    planned = [trial.id for trial in index.trials]
    others, deaths = _still_running(store, study)
    summary = Summary(study, len(planned), 0, deaths=deaths)
    follower = Follower(store, others, watcher, summary)
    summary.done_before = len(_outcomes(store, planned, study)[0])
    watcher.begins(len(planned), len(follower.awaited()), "watching")
    follower.follow()
    good, summary.failed = _outcomes(store, planned, study)
    summary.left = len(planned) - len(good) - len(summary.failed)
    return summary


def _outcomes(store: Store, planned: Sequence[str], study: str) -> tuple[set[str], dict[str, str]]:
    """The planned trials with a good record, and those that have only failed ones, with what the newest says."""
    records = store.records(study)
    good = {record.trial.id for record in records if record.status == "ok"} & {*planned}
    newest = {record.trial.id: record.reason or "no reason is told" for record in records}
    return good, {trial: newest[trial] for trial in planned if trial in newest and trial not in good}


def _still_running(store: Store, study: str) -> tuple[list[Live], list[str]]:
    """The jobs that run without a launcher; what became of those that ended meanwhile is written down, and told."""
    found = live_jobs(JobFolder(store.root, study))
    running = [one for one in found if one.handle.is_running()]
    ended = [one for one in found if one not in running]
    summary = Summary(study, 0, 0)
    if ended:
        Follower(store, ended, Unwatched(), summary).close()
    return running, summary.deaths


def place_of(site: Site, orders: Orders) -> Place:
    """Where a site file and the command line want the trials; raises where that device is not there."""
    changes = {"device": orders.device} if orders.device else {}
    executor = {"executor": {"name": orders.executor}} if orders.executor else {}
    try:
        asked = Site.model_validate({**site.model_dump(), **changes, **executor})
    except ValidationError as error:
        raise SpecError(problems_of(error, Site)) from None
    plugin = executors.create(asked.executor, "executor")
    return Place(asked, plugin, _device(asked, plugin))


def _device(site: Site, executor: Executor) -> str:
    """The device as far as it is known before torch is loaded; `auto` without any GPU is the CPU.

    Elsewhere it is a GPU where one is asked for: a node may show GPUs that were given to others.
    """
    asked = site.device
    if not executor.is_here:
        return asked if asked != "auto" else "cuda" if site.resources.default.gpus_per_node else "cpu"
    gpus = visible_gpus()
    if asked.startswith("cuda") and not gpus:
        raise DeviceError(
            f"device: {asked!r} was asked for and this machine has no usable GPU; 'auto' takes what is there"
        )
    return "cpu" if asked == "auto" and not gpus else asked


def _check_amp(file: StudyFile, study: Study, device: str) -> None:
    """Told now, where the device is known: a recovery would come to it only after a training and a selection."""
    trained = [
        (index, one.weights) for index, one in enumerate(study.models) if isinstance(one.weights, TrainedWeights)
    ]
    places = [f"models.{i}.weights.train.amp" for i, weights in trained if weights.train.amp]
    places += [f"recoveries.{i}.amp" for i, one in enumerate(study.recoveries) if one.options.get("amp")]
    if places and device == "cpu":
        message = "needs a GPU, and this would run on the CPU; leave it out"
        raise SpecError(file.located(Problem(place, message)) for place in places)


def _check_runtimes(file: StudyFile, study: Study, device: str) -> None:
    """What the device has no kernels or no compiler for; a device that is not known yet is asked by each trial."""
    if device != "cpu":
        return
    faults = [(index, fault(runtime, device)) for index, runtime in enumerate(study.runtimes)]
    problems = [file.located(Problem(f"runtimes.{index}", text)) for index, text in faults if text]
    if problems:
        raise SpecError(problems)


def _summary(plan: Plan, stand: Sequence[Standing], todo: Sequence[Assignment]) -> Summary:
    running = {a.trial.id for a in todo}
    held = [s for s in stand if s.is_held_back and s.trial.id not in running]
    return Summary(
        study=plan.study.study,
        total=len(plan.trials),
        done_before=sum(s.is_done and s.trial.id not in running for s in stand),
        held_back={s.trial.id: (s.failed.reason or "") if s.failed else "" for s in held},
    )


def _write_plan(store: Store, plan: Plan, file: StudyFile, orders: Orders) -> None:
    study = plan.study
    JobFolder(store.root, study.study).create()
    store.write_index(
        StudyIndex(
            study=study.study,
            question=study.question,
            contrast=study.report.contrast,
            criteria=tuple(entry.label for entry in plan.criteria),
            collectors=tuple(c.name for c in plan.collectors),
            command=orders.command,
            is_synthetic=plan.is_synthetic,
            references=plan.references,
            random_criteria=tuple(entry.label for entry in plan.criteria if entry.plugin.is_random),
            trials=plan.trials,
        )
    )
    _write_resolved(store.root / study.study / "study.resolved.yaml", file)


def _write_resolved(path: Path, file: StudyFile) -> None:
    """What was asked with defaults filled in; where it runs is no part of it."""
    if file.study is None:
        return
    text = StringIO()
    YAML(typ="safe", pure=True).dump(file.study.model_dump(mode="json", by_alias=True), text)
    temporary = path.with_suffix(f".{secrets.token_hex(4)}.tmp")  # another launcher may write the same at this moment
    try:
        temporary.write_text(text.getvalue(), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"{path.name}: cannot be written: {error.strerror}") from None


def _jobs(plan: Plan, place: Place, todo: Sequence[Assignment], store: Store, orders: Orders) -> list[Job]:
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


def _started(store: Store, jobs: Sequence[Job], place: Place, is_detached: bool) -> list[Live]:
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
