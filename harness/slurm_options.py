"""Options of Slurm by submitit's names: of the executor for all jobs, of a stage's resources for its own."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from harness.schema import Schema

PREFIX = "slurm_"


class SlurmOptions(Schema):
    """What is not stated is left to what stands above it, and at last to the cluster."""

    slurm_partition: str | None = None
    slurm_account: str | None = None
    slurm_qos: str | None = None
    slurm_constraint: str | None = None
    slurm_exclusive: bool | str | None = None
    slurm_exclude: str | None = None
    slurm_nodelist: str | None = None
    slurm_gres: str | None = None
    slurm_comment: str | None = None
    slurm_mem_per_gpu: str | None = None
    slurm_mem_per_cpu: str | None = None
    slurm_array_parallelism: int | None = Field(None, ge=1, description="jobs that run at a time")
    slurm_signal_delay_s: int | None = Field(None, ge=0, description="seconds between the warning and a job's end")
    slurm_setup: tuple[str, ...] | None = Field(None, description="shell lines before the worker")
    slurm_srun_args: tuple[str, ...] | None = Field(None, description="further arguments of srun")
    slurm_use_srun: bool | None = None
    slurm_additional_parameters: dict[str, Any] | None = Field(None, description="any other option of sbatch")

    def for_slurm(self) -> dict[str, Any]:
        """The options that are stated."""
        return {key: value for key, value in self if key.startswith(PREFIX) and value is not None}
