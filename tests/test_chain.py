"""Trials that several jobs carry out, one after another: what each makes, what each says, and what fails for whom."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from small_studies import Silent, records, small, written

from harness.executors.base import Handle, worker_command
from harness.following import Following, Summary
from harness.jobs import EventLog, EventTail, Job, JobFolder, events_path
from harness.launch import launch
from harness.live import Live
from harness.pending import assignments, standings
from harness.place import Orders, place_of
from harness.plan import make_plan
from harness.records import Failure
from harness.store import Store
from harness.study_file import load_study
from harness.submission import batches_of

pytestmark = pytest.mark.slow
FOUR = {"prepare": {"cpus_per_task": 2}, "evaluate": {"cpus_per_task": 3}, "cost": {"cpus_per_task": 4}}
TWO = {"prepare": {"cpus_per_task": 2}, "select": {"cpus_per_task": 2}}
BROKEN = '''"""A criterion that can score nothing."""

from __future__ import annotations

from harness.criteria.base import UnitCriterion, criteria


@criteria.register("broken")
class Broken(UnitCriterion):
    """Always fails."""

    needs_calibration = False

    def scores(self, scoring):
        raise ValueError("no scores today")
'''


ONCE = '"""A criterion that fails once."""\n\nfrom __future__ import annotations\n\nfrom pathlib import Path'
TRIED = """sign = Path(__file__).with_name("tried")
        if not sign.exists():
            sign.touch()
            raise ValueError("not at once")
        return {unit.name: 0.0 for unit in scoring.units}"""


def legs(folder: Path, needs: dict[str, Any], **changes: Any) -> list[list[Job]]:
    """The jobs of a small study, in the order of their chain."""
    study = small(executor={"name": "slurm", "trials_per_job": 9}, resources=needs, **changes)
    file = load_study(written(folder, study))
    results = folder / "results"
    plan = make_plan(file, results)
    todo = assignments(plan, standings(plan, (), None))
    (route,) = batches_of(plan, place_of(file.site, Orders(device="cpu")), todo, Store(results), Orders())
    JobFolder(results, "small").create()
    return [list(batch.jobs) for batch in route]


def done(folder: Path, job: Job) -> list[dict[str, Any]]:
    """Runs a job to its end, as a node would; gives what it said."""
    file = JobFolder(folder / "results", "small").write(job)
    assert subprocess.call(worker_command(file)) == 0  # a process of its own, as it listens to signals
    return [dict(event) for event in EventTail(events_path(file)).new()]


def test_legs_give_what_one_job_gives(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"criteria": ["last", "entropy"], "collectors": ["accuracy", "macs"]}
    jobs = legs(tmp_path, FOUR, **asked)
    assert [len(leg) for leg in jobs] == [1, 1, 1, 1]
    for (job,) in jobs[:-1]:
        said = done(tmp_path, job)
        assert [event["stage"] for event in said if event["event"] == "made"] == [job.stages[-1]] * len(job.assignments)
        assert records(tmp_path / "results", "small") == {}
    done(tmp_path, jobs[-1][0])
    found = records(tmp_path / "results", "small")
    assert [len(runs) for runs in found.values()] == [1, 1, 1]
    assert all(run.run.stages["evaluate"].reused for (run,) in found.values())
    home = tmp_path / "home"
    launch(load_study(written(tmp_path, small(**asked), "home.yaml")), home, Orders(device="cpu"), Silent())
    for trial, (run,) in records(home, "small").items():
        assert [m.value for m in run.measurements] == [m.value for m in found[trial][0].measurements]


def test_what_fails_for_one_fails_for_all_who_wait_for_it(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    jobs = legs(tmp_path, TWO, plugins=["./broken.py"], criteria=["last", "broken"], counts=[1, 2])
    for (job,) in jobs:
        done(tmp_path, job)
    found = records(tmp_path / "results", "small")
    assert sorted(run.status for (run,) in found.values()) == ["failed", "failed", "ok", "ok", "ok"]
    failed = {trial: run for trial, (run,) in found.items() if run.failure is not None}
    first, second = sorted(failed.values(), key=lambda run: len(run.reason or ""))
    assert str(first.reason).endswith("ValueError: no scores today")
    assert second.reason == f"select failed in {first.trial.id}: {first.reason}"
    assert {(run.failure.kind, run.failure.stage, run.failure.retry) for run in failed.values() if run.failure} == {
        ("error", "select", False)
    }


def test_what_is_made_at_the_second_attempt_is_hopeless_for_nobody(tmp_path: Path) -> None:
    own = ONCE + BROKEN.partition("import annotations")[2].replace('raise ValueError("no scores today")', TRIED)
    (tmp_path / "broken.py").write_text(own)
    for (job,) in legs(tmp_path, TWO, plugins=["./broken.py"], criteria=["last", "broken"], retries={"error": 1}):
        said = done(tmp_path, job)
    assert [event["status"] for event in said if event["event"] == "ended"] == ["ok"] * 3
    runs = [runs for runs in records(tmp_path / "results", "small").values() if len(runs) > 1]
    assert [[(run.status, run.run.attempt) for run in each] for each in runs] == [[("failed", 1), ("ok", 1)]]


def test_what_nobody_made_is_lost_and_asked_again(tmp_path: Path) -> None:
    (first,), (last,) = legs(tmp_path, TWO)
    done(tmp_path, first)
    shutil.rmtree(tmp_path / "results/artifacts/prepare")
    done(tmp_path, last)
    for (run,) in records(tmp_path / "results", "small").values():
        assert run.failure is not None
        assert (run.failure.kind, run.failure.stage, run.failure.retry) == ("lost", "prepare", True)
        assert run.reason is not None
        assert "prepare was not made" in run.reason


class Gone(Handle):
    """A job that is over, of which somebody may know why."""

    def __init__(self, why: Failure | None = None) -> None:
        self.why = why

    def is_running(self) -> bool:
        return False

    def end(self, now: bool) -> None:
        pass

    def state(self) -> str:
        return ""

    def log(self) -> str:
        return "logs/there"

    def failure(self) -> Failure | None:
        return self.why

    def where(self) -> dict[str, Any]:
        return {}


def test_the_end_of_a_job_that_made_not_all_is_told(tmp_path: Path) -> None:
    (prepare,), _ = legs(tmp_path, TWO)
    file = JobFolder(tmp_path / "results", "small").write(prepare)
    summary = Summary("small", 2, 0)
    following = Following(Store(tmp_path / "results"), [], Silent(), summary)
    following.add([Live(prepare, file, Gone())])
    assert following.awaited() == {}
    following.follow()
    (told,) = summary.deaths
    assert "not all was made that others wait for; see logs/there" in told
    assert summary.left == 0


def test_those_who_wait_are_told_by_what_a_job_died(tmp_path: Path) -> None:
    (prepare,), (last,) = legs(tmp_path, {"prepare": {"cpus_per_task": 2}}, counts=[1, 2])
    file = JobFolder(tmp_path / "results", "small").write(prepare)
    at = prepare.assignments[0].trial.id
    EventLog(events_path(file)).add("started", trial=at)
    why = Failure(**{"class": "oom_host"}, message="Slurm ended its job: OUT_OF_MEMORY, exit code 0", retry=False)
    following = Following(Store(tmp_path / "results"), [], Silent(), Summary("small", 3, 0))
    following.add([Live(prepare, file, Gone(why))])
    following.listen()
    done(tmp_path, last)
    found = records(tmp_path / "results", "small")
    assert len(found) == 3
    for trial, (run,) in found.items():
        assert run.failure is not None
        assert (run.failure.kind, run.failure.retry) == ("oom_host", False)
        assert run.reason == ("" if trial == at else f"prepare failed in {at}: ") + why.message
