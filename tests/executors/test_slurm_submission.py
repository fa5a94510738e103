"""What Slurm is asked for, without a cluster: how trials are dealt out, what the script of a job says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from submitit.slurm.slurm import _make_sbatch_string

from harness.errors import DeviceError, SpecError
from harness.executors.base import executors
from harness.executors.slurm import Slurm, _search_path
from harness.resources import Resources

PLAIN = Resources(timeout_min=30)


def script(executor: Slurm, resources: Resources = PLAIN, device: str = "cpu", jobs: int = 3) -> list[str]:
    parameters = executor.parameters(resources, device, 2)
    text = _make_sbatch_string(command="WORK", folder="LOGS", map_count=jobs, **parameters)
    return [line for line in text.splitlines() if line.startswith(("#SBATCH", "export", "module", "srun"))]


def made(**options: Any) -> Slurm:
    found = executors.create({"name": "slurm", **options}, "executor")
    assert isinstance(found, Slurm)
    return found


def test_trials_are_dealt_out_in_order_a_bounded_number_to_a_job() -> None:
    assert Slurm(trials_per_job=4).deal(range(10)) == [range(4), range(4, 8), range(8, 10)]
    assert Slurm().deal([]) == []


def test_a_plain_job_asks_for_nothing_that_nobody_stated() -> None:
    lines = script(Slurm())
    assert "#SBATCH --array=0-2%3" in lines
    assert "#SBATCH --time=135" in lines  # two trials of thirty minutes, one of them in twice the time, and the start
    assert not any(
        word in line for line in lines for word in ("gpus", "partition", "mem=", "cpus-per-task", "exclusive")
    )


def test_resources_and_options_of_submitit_reach_the_script() -> None:
    executor = made(
        timeout_min=90,
        slurm_partition="gpu",
        slurm_account="lab",
        slurm_qos="long",
        slurm_constraint="a100",
        slurm_exclusive=True,
        slurm_array_parallelism=2,
        slurm_signal_delay_s=20,
        slurm_setup=["module load cuda"],
        slurm_srun_args=["--mpi=none"],
        slurm_additional_parameters={"reservation": "ours"},
    )
    lines = script(executor, Resources(cpus_per_task=8, mem_gb=1.5), "cuda")
    for flag in (
        "time=90", "partition=gpu", "account=lab", "qos=long", "constraint=a100", "exclusive", "array=0-2%2",
        "signal=USR2@20", "reservation=ours", "cpus-per-task=8", "mem=1536MB", "gpus-per-node=1",
    ):  # fmt: skip
        assert f"#SBATCH --{flag}" in lines
    assert "module load cuda" in lines
    assert any(line.startswith("srun ") and "--mpi=none" in line for line in lines)


def test_the_package_is_found_on_the_nodes() -> None:
    (line,) = [line for line in script(Slurm()) if line.startswith("export PYTHONPATH=")]
    assert str(Path(__file__).parents[2]) in line


def test_an_installed_package_goes_before_no_other(tmp_path: Path) -> None:
    assert _search_path(tmp_path / "lib/python3.12/site-packages") == []
    assert _search_path(tmp_path / "a checkout") == [
        f"export PYTHONPATH='{tmp_path}/a checkout'\"${{PYTHONPATH:+:$PYTHONPATH}}\""
    ]


@pytest.mark.parametrize(
    ("device", "stated", "asked"), [("cpu", None, None), ("cuda", None, 1), ("cuda:0+1", None, 2), ("cpu", 4, 4)]
)
def test_gpus_are_as_stated_or_those_of_the_device(device: str, stated: int | None, asked: int | None) -> None:
    found = Slurm().parameters(Resources(gpus_per_node=stated), device, 1)
    assert found.get("gpus_per_node") == asked


def test_without_slurm_nothing_is_submitted_and_the_sentence_says_what_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(DeviceError, match="not on PATH here: sbatch, srun, squeue, scancel; log in where jobs"):
        Slurm().start([tmp_path / "j.json"], tmp_path, PLAIN, "cpu")


def test_a_job_that_cannot_hold_one_trial_is_refused() -> None:
    with pytest.raises(DeviceError, match="a job of 30 min cannot hold one trial, which may take 30"):
        Slurm(timeout_min=30).parameters(PLAIN, "cpu", 1)


def test_an_unknown_option_is_told() -> None:
    with pytest.raises(SpecError, match="slurm_partition"):
        made(slurm_partiton="gpu")


def test_a_delay_of_no_seconds_and_a_job_without_srun_are_as_stated() -> None:
    found = Slurm(slurm_signal_delay_s=0, slurm_use_srun=False).parameters(PLAIN, "cpu", 1)
    assert (found["signal_delay_s"], found["use_srun"]) == (0, False)


def test_a_training_may_be_longer_than_its_job() -> None:
    assert Slurm().parameters(PLAIN, "cpu", 1, trains=True)["time"] == 45
    assert Slurm(timeout_min=30).parameters(PLAIN, "cpu", 1, trains=True)["time"] == 30
