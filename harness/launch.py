"""Runs a study: what is done is skipped, the rest handed to an executor and watched until it ends."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError
from ruamel.yaml import YAML

from harness.errors import DeviceError, Problem, SpecError, StoreError
from harness.executors.base import Executor, Handle, executors
from harness.failures import lost
from harness.hardware import machine_class
from harness.jobs import Assignment, EventTail, Job, JobFolder, events_path
from harness.numerics import fault
from harness.nvml import gpus as gpus_here
from harness.pending import Standing, assignments, standings
from harness.plan import Plan, make_plan
from harness.records import STAGES, StudyIndex
from harness.runs import failed_record, new_run_id
from harness.schema import Json, problems_of
from harness.site import Site
from harness.spec import Study, TrainedWeights
from harness.store import Store
from harness.study_file import StudyFile

POLL_S = 0.1
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Orders:
    """What the command line adds to a study file."""

    device: str | None = None
    executor: str | None = None
    limit: int | None = None
    fresh: str | None = None  # a stage, "all", or None
    retry_failed: bool = False
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


class Watcher(Protocol):
    """Whoever shows what goes on."""

    def begins(self, total: int, todo: int, where: str) -> None:
        """`todo` of `total` trials are about to run."""

    def hears(self, event: dict[str, Json]) -> None:
        """A worker said something."""

    def ticks(self) -> None:
        """Some time has passed."""


@dataclass
class Summary:
    """How a launch ended: trials done before it, done by it, failed now and before, and what is left."""

    study: str
    total: int
    done_before: int
    ok: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    held_back: dict[str, str] = field(default_factory=dict)
    is_interrupted: bool = False
    left: int = 0


def launch(file: StudyFile, results: Path, orders: Orders, watcher: Watcher) -> Summary:
    """Plans, skips, submits and watches; raises a HarnessError before anything runs where something is wrong."""
    plan = make_plan(file, results)
    place = place_of(file.site, orders)
    store = Store(results)
    stand = standings(plan, store.records(plan.study.study), place.machine_class)
    todo = assignments(
        plan, stand, fresh=orders.fresh is not None, retry_failed=orders.retry_failed, limit=orders.limit
    )
    if todo:
        _check_amp(file, plan.study, place.device)
        _check_runtimes(file, plan.study, place.device)
    summary = _summary(plan, stand, todo)
    _write_plan(store, plan, file, orders)
    if todo:
        for dataset in plan.datasets:
            dataset.fetch({label: Path(folder) for label, folder in place.site.paths.items()})
        watcher.begins(len(plan.trials), len(todo), f"{place.executor.name}, device {place.device}")
        _Watch(store, _jobs(plan, place, todo, store, orders), watcher, summary).run(place)
    return summary


def place_of(site: Site, orders: Orders) -> Place:
    """Where a site file and the command line want the trials; raises where that device is not there."""
    changes = {"device": orders.device} if orders.device else {}
    executor = {"executor": {"name": orders.executor}} if orders.executor else {}
    try:
        asked = Site.model_validate({**site.model_dump(), **changes, **executor})
    except ValidationError as error:
        raise SpecError(problems_of(error, Site)) from None
    plugin = executors.create(asked.executor, "executor")
    return Place(asked, plugin, _device(asked.device, plugin))


def _device(asked: str, executor: Executor) -> str:
    """The device as far as it is known before torch is loaded; `auto` without any GPU is the CPU."""
    if not executor.is_here:
        return asked
    gpus = 0 if os.environ.get("CUDA_VISIBLE_DEVICES") == "" else len(gpus_here())
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
    """The trials dealt out to as many workers as the executor runs at a time."""
    site, executor = place.site, place.executor
    parts = [todo[slot :: executor.parallel] for slot in range(min(executor.parallel, len(todo)))]
    fresh = () if orders.fresh is None else STAGES if orders.fresh == "all" else (orders.fresh,)
    stamp = new_run_id()
    return [
        Job(
            id=f"{stamp}-{slot}",
            study=plan.study.study,
            results=str(store.root.resolve()),
            assignments=tuple(part),
            collectors=tuple(c.identity() for c in plan.collectors),
            costs=plan.study.costs,
            remeasure=plan.study.noise.remeasure,
            device=place.device,
            slot=slot,
            executor=executor.name,
            paths=site.paths,
            files=plan.files,
            plugins=plan.plugins,
            workers=site.workers,
            timeout_s=site.resources.default.timeout_min * 60.0,
            fresh=fresh,
            submitted=time.time(),
            limited=orders.limit is not None,
            preload=tuple(need for dataset in plan.datasets for need in dataset.needs),
            follows_launcher=executor.is_here,
        )
        for slot, part in enumerate(parts)
    ]


class _Watch:
    """Follows the jobs of one launch until the last has ended."""

    def __init__(self, store: Store, jobs: Sequence[Job], watcher: Watcher, summary: Summary) -> None:
        self.store = store
        self.jobs = jobs
        self.watcher = watcher
        self.summary = summary
        self.waiting = {a.trial.id: (job, a) for job in jobs for a in job.assignments}

    def run(self, place: Place) -> None:
        folder = JobFolder(self.store.root, self.summary.study)
        resources = place.site.resources.default
        files = [folder.write(job) for job in self.jobs]
        tails = [EventTail(events_path(file)) for file in files]
        handles: list[Handle] = []
        try:
            handles += [place.executor.start(f, folder.logs, resources, place.device) for f in files]
            while any(handle.is_running() for handle in handles):
                self._listen(tails)
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            self.summary.is_interrupted = True
            for handle in handles:
                handle.stop(PATIENCE_S)
        self._listen(tails)
        self._close()

    def _listen(self, tails: Sequence[EventTail]) -> None:
        for tail in tails:
            for event in tail.new():
                self._note(event)
                self.watcher.hears(event)
        self.watcher.ticks()

    def _note(self, event: dict[str, Json]) -> None:
        if event["event"] != "ended":
            return
        trial = str(event["trial"])
        self.waiting.pop(trial, None)
        if event["status"] == "ok":
            self.summary.ok.append(trial)
        else:
            self.summary.failed[trial] = str(event.get("message", ""))

    def _close(self) -> None:
        """A trial whose worker is gone is lost, and its record says so; after Ctrl-C it is only left."""
        self.summary.left = len(self.waiting)
        if self.summary.is_interrupted:
            return
        for job, assignment in self.waiting.values():
            failure = lost(f"logs/{job.id}.log")
            self.store.write_record(failed_record(job, assignment, failure))
            self.summary.failed[assignment.trial.id] = failure.message
