"""Studies that take seconds, and ways to run them: trial by trial here, through a worker, or as a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from harness.following import Summary
from harness.jobs import Job, JobFolder
from harness.launch import launch
from harness.pending import assignments, standings
from harness.place import Orders, place_of
from harness.plan import Plan, make_plan
from harness.records import Record
from harness.run_trial import run_trial
from harness.schema import Json
from harness.store import Store
from harness.study_file import load_study
from harness.submission import batches_of

STUDIES = Path(__file__).parent.parent / "studies"
TINY_MODEL: dict[str, Any] = {
    "name": "tiny",
    "architecture": "deit_tiny_patch16_224",
    "options": {"img_size": 8, "patch_size": 2, "embed_dim": 32, "num_heads": 2, "depth": 3},
    "weights": {"train": {"steps": 2}},
}


class Silent:
    """A watcher that keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[dict[str, Json]] = []

    def begins(self, total: int, todo: int, where: str) -> None:
        pass

    def hears(self, event: dict[str, Json]) -> None:
        self.events.append(event)

    def ticks(self) -> None:
        pass


def small(**changes: Any) -> dict[str, Any]:
    """A study of one tiny model and one criterion that needs no data, with two exact collectors."""
    study = {
        "study": "small",
        "data": "digits",
        "models": [TINY_MODEL],
        "criteria": ["last"],
        "counts": [1],
        "collectors": ["macs", "params"],
    }
    return {key: value for key, value in {**study, **changes}.items() if value is not None}


def written(folder: Path, study: dict[str, Any], name: str = "study.yaml") -> Path:
    """The study as a file."""
    path = folder / name
    with path.open("w", encoding="utf-8") as stream:
        YAML(typ="safe", pure=True).dump(study, stream)
    return path


def job_of(plan: Plan, results: Path, **changes: Any) -> Job:
    """A job of a plan without its trials, for stages that are run in this process."""
    head = Job(
        id="j",
        study="small",
        results=str(results),
        assignments=(),
        collectors=tuple(c.identity() for c in plan.collectors),
        costs=plan.study.costs,
        device="cpu",
        submitted=time.time(),
        files=plan.files,
        plugins=plan.plugins,
    )
    return head.model_copy(update=changes)


def run_here(study: Path, results: Path) -> list[Record]:
    """Runs a study trial by trial in this process, without a worker and its children, and keeps its records.

    For tests of what comes out: artifacts and records are those of a worker, which loads torch anew for seconds.
    """
    file, store = load_study(study), Store(results)
    plan = make_plan(file, results)
    JobFolder(results, plan.study.study).create()
    store.write_index(plan.index())
    todo = assignments(plan, standings(plan, (), None))
    (route,) = batches_of(plan, place_of(file.site, Orders(device="cpu")), todo, store, Orders())
    jobs = [job for batch in route for job in batch.jobs]
    found = [run_trial(job, one, lambda stage, note: None) for job in jobs for one in job.assignments]
    for record in found:
        store.write_record(record)
    return found


def launched(study: Path, results: Path, *overrides: str, **orders: Any) -> Summary:
    """Runs a study in this process, through the worker that its executor starts."""
    orders = {"device": "cpu", **orders}
    return launch(load_study(study, overrides), results, Orders(**orders), Silent())


def records(results: Path, study: str) -> dict[str, list[Record]]:
    """Every trusted record by trial, oldest run first."""
    found: dict[str, list[Record]] = {}
    for record in Store(results).records(study):
        found.setdefault(record.trial.id, []).append(record)
    return found


def command(*words: str | Path) -> list[str]:
    """The command line as a user types it."""
    return [sys.executable, "-m", "harness", *map(str, words)]


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """This environment without the user's own settings."""
    own = {"XDG_CONFIG_HOME": str(folder / "no-settings"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, **own, **variables}


def called(folder: Path, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder, run to its end."""
    return subprocess.run(
        command(*words),
        cwd=folder,
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
