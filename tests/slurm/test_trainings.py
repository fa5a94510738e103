"""Fine-tunes on a real Slurm that lose their nodes in the middle: two processes at once, and a limit too short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from clusters import (
    beside,
    cluster,  # noqa: F401  # a fixture
    on_slurm,
    run,
)
from paced import HELD, PACED, steps, wait_for_steps
from safetensors.torch import load_file
from small_studies import launched, records, small, written
from torch import Tensor

NODES = ("node3",)
pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("cluster"), pytest.mark.xdist_group(NODES[0])]
FEW = {"name": "digits", "splits": {"train": 64, "calibration": 16, "validation": 16, "test": 16}}
STEPS = 40
ROUNDING = 5e-5


def held_study(folder: Path, resources: dict[str, Any], **options: Any) -> Path:
    """Three trials, two of which are fine-tuned; the first to be waits in its middle until it is told to end."""
    (folder / "paced.py").write_text(PACED)
    (folder / "hold").touch()
    paced = {"name": "paced", "steps": STEPS, "batch": 13, "pause_s": 0.01}
    changes: dict[str, Any] = {"data": FEW, "recoveries": [paced], "plugins": ["./paced.py"], "collectors": ["params"]}
    given = {"default": {"mem_gb": 1, "timeout_min": 8}, **resources}
    return written(folder, small(executor=on_slurm(*NODES, **options), resources=given, **changes))


def recovered(results: Path) -> dict[str, dict[str, Tensor]]:
    """Weights after recovery of each trial that has one, by trial."""
    found = {}
    for trial, runs in records(results, "small").items():
        content = runs[-1].run.stages["recover"].content
        for path in results.glob(f"artifacts/recover/*/{content}/*.safetensors"):
            found[trial] = load_file(path)
    return found


def are_as_at_home(path: Path, results: Path) -> bool:
    """Whether one undisturbed process on this machine gives the same weights but for rounding."""
    home = path.parent / "home"
    launched(path, home, executor="inline")
    here, there = recovered(home), recovered(results)
    assert here.keys() == there.keys()
    return all(
        float((here[trial][name] - there[trial][name]).abs().max()) < ROUNDING for trial in here for name in here[trial]
    )


def test_a_fine_tune_of_two_processes_is_preempted_and_goes_on_from_where_it_was(tmp_path: Path) -> None:
    # Under ten minutes submitit takes every warning for a time-out.
    path = held_study(tmp_path, {"recover": {"tasks_per_node": 2}}, slurm_partition="spare", timeout_min=9)
    results = tmp_path / "r"

    def preempt() -> None:
        wait_for_steps(tmp_path, HELD)
        node = (tmp_path / "steps-0").read_text().splitlines()[0].split()[1]
        run("srun", "--partition=main", f"--nodelist={node}", "--exclusive", "sleep", "2")

    thread = beside(preempt)
    summary = launched(path, results)
    thread.join(60)
    assert (len(summary.ok), summary.failed) == (3, {})
    begun = steps(tmp_path)
    assert begun == [*range(STEPS), *range(STEPS)]  # two fine-tunes, and nothing was done twice
    assert steps(tmp_path, rank=1) == begun
    stages = [runs[-1].run.stages for runs in records(results, "small").values()]
    assert sorted(found["recover"].processes for found in stages) == [1, 2, 2]
    assert are_as_at_home(path, results)


def test_a_fine_tune_that_outlasts_its_job_goes_on_in_the_next(tmp_path: Path) -> None:
    # Two minutes less seventy seconds, and Slurm warns early: after 20 to 50 seconds.
    needs = {"default": {"mem_gb": 1, "timeout_min": 1}, "recover": {"cpus_per_task": 2, "timeout_min": 8}}
    path = held_study(tmp_path, needs, timeout_min=2, slurm_signal_delay_s=70)
    summary = launched(path, tmp_path / "r")
    assert (len(summary.ok), summary.failed) == (3, {})
    assert steps(tmp_path) == [*range(STEPS), *range(STEPS)]  # none was done twice
    log = "".join(found.read_text() for found in (tmp_path / "r/small/logs").rglob("*.err"))
    assert "this job is timed-out" in log
    told = "".join(found.read_text() for found in (tmp_path / "r/small/jobs").glob("*.events.jsonl"))
    assert f"halted after step {HELD + 1} " in told
    assert f"goes on after step {HELD + 1} " in told
