"""Studies on a real Slurm, with jobs cancelled, nodes killed and jobs preempted under them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from clusters import (
    beside,
    cluster,  # noqa: F401  # a fixture
    on_slurm,
    run,
    start,
)
from small_studies import called, launched, records, small, written

NODES = ("node1", "node2")
pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("cluster"), pytest.mark.xdist_group(NODES[0])]
SLOW = '''"""A criterion that takes its time when it is first asked, and says where it is."""

from __future__ import annotations

import os
import time
from pathlib import Path

from harness.criteria.base import UnitCriterion, criteria


@criteria.register("slow")
class Slow(UnitCriterion):
    """Sleeps once."""

    needs_calibration = False

    def scores(self, scoring):
        sign = Path(__file__).with_name("here")
        if not sign.exists():
            sign.write_text(os.environ["SLURM_JOB_ID"] + " " + os.environ["SLURMD_NODENAME"])
            time.sleep(120)
        return {unit.name: 0.0 for unit in scoring.units}
'''


def study(folder: Path, **changes: Any) -> Path:
    options = changes.pop("options", {})
    needs = {"default": {"mem_gb": 1, "timeout_min": 4}, **changes.pop("needs", {})}
    return written(folder, small(executor=on_slurm(*NODES, **options), resources=needs, **changes))


def slow_study(folder: Path, **options: Any) -> Path:
    (folder / "slow.py").write_text(SLOW)
    return study(folder, plugins=["./slow.py"], criteria=["last", "slow"], options={"trials_per_job": 9, **options})


def wait_for(sign: Path, limit_s: float = 600.0) -> tuple[str, str]:
    """The job and the node at which the slow criterion is."""
    deadline = time.monotonic() + limit_s
    while not sign.exists() or not sign.read_text().count(" "):
        assert time.monotonic() < deadline, "the slow criterion was never asked"
        time.sleep(0.1)
    job, _, node = sign.read_text().partition(" ")
    return job, node


def test_a_cancelled_job_costs_what_it_had_not_done_and_another_run_does_it(tmp_path: Path) -> None:
    path, results = slow_study(tmp_path), tmp_path / "r"
    beside(lambda: run("scancel", wait_for(tmp_path / "here")[0]))
    summary = launched(path, results)
    assert len(summary.ok) == 2  # the baseline and `last`
    ((trial, reason),) = summary.failed.items()
    assert reason.startswith("Slurm ended its job: CANCELLED")
    failure = records(results, "small")[trial][-1].failure
    assert failure is not None
    assert (failure.kind, failure.retry) == ("killed", True)
    again = launched(path, results)
    assert (again.ok, again.failed) == ([trial], {})


def test_a_node_that_dies_costs_nothing_but_time(tmp_path: Path) -> None:
    path, results = slow_study(tmp_path), tmp_path / "r"
    thread = beside(kill_node, tmp_path / "here")
    summary = launched(path, results)
    thread.join(60)
    assert (len(summary.ok), summary.failed) == (3, {})


def kill_node(sign: Path) -> None:
    """Ends a node's daemon and all that runs of the job there, and starts the node again once it is given up."""
    job, node = wait_for(sign)
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _belongs(process, job, node):
            with suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)
    deadline = time.monotonic() + 300
    while "down" not in run("sinfo", "--noheader", "--nodes", node, "--format", "%T").stdout:
        assert time.monotonic() < deadline, "the node is not given up"
        time.sleep(0.5)
    start()


def _belongs(process: Path, job: str, node: str) -> bool:
    with suppress(OSError):
        words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
        daemon = words.startswith(f"slurmstepd: [{job}.".encode()) or (b"slurmd " in words and node.encode() in words)
        return daemon or f"SLURM_JOB_ID={job}\0".encode() in (process / "environ").read_bytes() + b"\0"
    return False


def test_a_preempted_job_runs_on_when_the_node_is_free(tmp_path: Path) -> None:
    # Under ten minutes submitit takes every warning for a time-out.
    path, results = slow_study(tmp_path, slurm_partition="spare", timeout_min=9), tmp_path / "r"
    thread = beside(preempt, tmp_path / "here")
    summary = launched(path, results)
    thread.join(60)
    assert (len(summary.ok), summary.failed) == (3, {})


def preempt(sign: Path) -> None:
    """A job of a partition that goes first takes the whole node for two seconds."""
    _, node = wait_for(sign)
    run("srun", "--partition=main", f"--nodelist={node}", "--exclusive", "sleep", "2")


def test_a_detached_study_runs_on_and_is_found_again(tmp_path: Path) -> None:
    path = slow_study(tmp_path)
    (tmp_path / "here").write_text("")  # nothing is slow
    done = called(tmp_path, "run", path.name, "--detach")
    assert "3 trials handed over" in done.stdout
    assert "1 job " in called(tmp_path, "status", "small").stdout
    watched = called(tmp_path, "watch", "small")
    assert watched.returncode == 0, watched.stderr
    assert "small: 3 trials: 3 done now, 0 before, 0 failed" in watched.stdout
    assert "nothing to run" in called(tmp_path, "run", path.name).stdout


def test_a_detached_study_is_cancelled(tmp_path: Path) -> None:
    path = slow_study(tmp_path)
    called(tmp_path, "run", path.name, "--detach")
    job, _ = wait_for(tmp_path / "here")
    assert "1 job ended" in called(tmp_path, "cancel", "small").stdout
    assert job not in run("squeue", "--noheader", "--format", "%i").stdout.split()
    assert "2 done, 0 failed, 1 new, 0 running" in called(tmp_path, "status", "small").stdout
