"""A record's trial, run again from the record alone in a results folder of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.answering import answering, sets_beside_test
from harness.assurance import Noise
from harness.collectors.base import Collector
from harness.datasets.base import datasets
from harness.errors import StoreError
from harness.executors.base import POLL_S, stop
from harness.failures import lost
from harness.following import PATIENCE_S, Watcher
from harness.jobs import Assignment, EventTail, Job, JobFolder, events_path
from harness.models import needs
from harness.place import Place
from harness.plugins import load_plugins
from harness.presence import check_presence
from harness.questions import Scene
from harness.records import Record
from harness.reproducible import check_folder, check_parts, place_for, revised, spec_of, weights_files
from harness.runs import failed_record, new_run_id
from harness.site import Site
from harness.store import Store


@dataclass(frozen=True)
class Means:
    """What a record does not hold: where it runs, a weights file, and files of the user's own plug-ins."""

    site: Site = field(default_factory=Site)
    device: str | None = None
    weights: Path | None = None
    plugins: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Reproduction:
    """A job that holds one trial; `unanswered` says by key why a question of the record is not asked again.

    `notes` say what else of the trial is known to be otherwise here.
    """

    job: Job
    place: Place
    unanswered: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def run(self, watcher: Watcher) -> Record:
        """The record that the worker wrote; one of a lost run where it wrote none. Ctrl-C ends the worker too."""
        results, (assignment,) = Path(self.job.results), self.job.assignments
        folder = JobFolder(results, self.job.study)
        try:
            folder.create()
            file = folder.write(self.job)
        except OSError as error:
            raise StoreError(f"{results.name}: cannot be written: {error.strerror or error}") from None
        watcher.begins(1, 1, f"{self.place.executor.name}, device {self.place.device}")
        self._watch(file, folder.logs, watcher)
        found = Store(results).read(self.job.study, assignment.trial.id).records
        return found[-1] if found else failed_record(self.job, assignment, lost(f"logs/{self.job.id}.log"))

    def _watch(self, file: Path, logs: Path, watcher: Watcher) -> None:
        tail = EventTail(events_path(file))
        (handle,) = self.place.executor.start([file], logs, self.place.site.resources.default, self.place.device)
        try:
            while handle.is_running():
                _tell(tail, watcher)
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            stop([handle], PATIENCE_S)
            raise
        _tell(tail, watcher)


def _tell(tail: EventTail, watcher: Watcher) -> None:
    for event in tail.new():
        watcher.hears(event)
    watcher.ticks()


def reproduction(record: Record, results: Path, means: Means) -> Reproduction:
    """The job that makes the record's trial anew in `results`, which must be new or empty.

    Nothing has run when it raises: for an unknown name, data, weights, a plug-in or a device that is not there.
    """
    check_folder(record, results)
    load_plugins(means.plugins)
    spec = spec_of(record)
    check_parts(spec)
    place = place_for(record, spec, means.site, means.device)
    files = weights_files(spec, means.weights)
    dataset = datasets.create(spec.data, "data")
    paths = {label: Path(folder) for label, folder in place.site.paths.items()}
    dataset.describe(paths)
    dataset.fetch(paths)
    check_presence([record.trial], paths, results, "RECORD.json")
    asked = record.run.asked
    found = answering(asked, Scene(record.trial.is_baseline, spec.runs_in(), sets_beside_test(asked)))
    job = _job(record, results, place, found.collectors)
    preload = (*dataset.needs, *needs(spec.architecture))
    own = {"files": files, "plugins": tuple(str(path.resolve()) for path in means.plugins), "preload": preload}
    return Reproduction(job.model_copy(update=own), place, found.unanswered, tuple(revised(spec)))


def _job(record: Record, results: Path, place: Place, collectors: tuple[Collector, ...]) -> Job:
    return Job(
        id=f"{new_run_id()}-0",
        study=record.trial.study,
        results=str(results.resolve()),
        assignments=(Assignment(trial=record.trial, asked=record.run.asked),),
        collectors=tuple(collector.identity() for collector in collectors),
        remeasure=Noise().remeasure,
        device=place.device,
        executor=place.executor.name,
        paths=place.site.paths,
        workers=place.site.workers,
        timeout_s=place.site.resources.default.minutes * 60.0,
        submitted=time.time(),
        follows_launcher=place.executor.is_here,
    )
