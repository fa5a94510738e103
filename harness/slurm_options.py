"""Options of Slurm by submitit's names: of the executor for all jobs, of a stage's resources for its own."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from harness.schema import Schema

PREFIX = "slurm_"


class SlurmOptions(Schema):
    """What is not stated is left to what stands above it, and at last to the cluster."""

    slurm_partition: str | None = Field(None, description="sbatch --partition")
    slurm_account: str | None = Field(None, description="sbatch --account")
    slurm_qos: str | None = Field(None, description="sbatch --qos")
    slurm_constraint: str | None = Field(None, description="sbatch --constraint")
    slurm_exclusive: bool | str | None = Field(None, description="sbatch --exclusive")
    slurm_exclude: str | None = Field(None, description="sbatch --exclude")
    slurm_nodelist: str | None = Field(None, description="sbatch --nodelist")
    slurm_gres: str | None = Field(None, description="sbatch --gres")
    slurm_comment: str | None = Field(None, description="sbatch --comment")
    slurm_mem_per_gpu: str | None = Field(None, description="sbatch --mem-per-gpu")
    slurm_mem_per_cpu: str | None = Field(None, description="sbatch --mem-per-cpu")
    slurm_array_parallelism: int | None = Field(None, ge=1, description="jobs that run at a time")
    slurm_signal_delay_s: int | None = Field(None, ge=0, description="seconds between the warning and a job's end")
    slurm_setup: tuple[str, ...] | None = Field(None, description="shell lines before the worker")
    slurm_srun_args: tuple[str, ...] | None = Field(None, description="further arguments of srun")
    slurm_use_srun: bool | None = Field(
        None, description="whether the worker is started by srun; null: submitit's choice"
    )
    slurm_additional_parameters: dict[str, Any] | None = Field(None, description="any other option of sbatch")

    def for_slurm(self) -> dict[str, Any]:
        """The options that are stated."""
        return {key: value for key, value in self if key.startswith(PREFIX) and value is not None}
