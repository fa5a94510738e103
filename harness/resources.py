"""What jobs may take, stated for all stages, for one, or for a model; and the legs in which a trial is run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from harness.records import STAGES
from harness.schema import Schema, canonical
from harness.slurm_options import SlurmOptions

TRAINING = ("prepare", "recover")  # the stages that several processes can share
MINUTES = 60


class Resources(SlurmOptions):
    """What a job may take, in submitit's names; what is not stated is left to what stands above it."""

    timeout_min: int | None = Field(None, ge=1, description="minutes one trial may take before it is stopped (60)")
    cpus_per_task: int | None = Field(None, ge=1, description="CPU cores of a process")
    mem_gb: float | None = Field(None, gt=0, description="memory of a node, in GB")
    gpus_per_node: int | None = Field(None, ge=0, description="default: 1 where the device is a GPU")
    nodes: int | None = Field(None, ge=1, description="nodes of one job")
    tasks_per_node: int | None = Field(None, ge=1, description="processes that share a training, mostly one per GPU")
    trials_per_job: int | None = Field(None, ge=1, le=10_000, description="default: the executor's; 1 to prepare alone")

    @model_serializer(mode="wrap")
    def _as_stated(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if value is not None}

    @property
    def minutes(self) -> int:
        """The limit of one trial."""
        return self.timeout_min or MINUTES

    @property
    def tasks(self) -> int:
        """Processes of one job."""
        return (self.nodes or 1) * (self.tasks_per_node or 1)

    @property
    def wants_gpu(self) -> bool:
        """Whether anything that is stated asks for a GPU."""
        return bool(self.gpus_per_node) or "gpu" in (self.slurm_gres or "")

    def over(self, other: Resources) -> Resources:
        """The other's, with what is stated here in place of it."""
        return other.model_copy(update={name: value for name, value in self if value is not None})


class StageResources(Schema):
    """Resources of every stage alike, and what single stages need instead."""

    default: Resources = Field(Resources(), description="of every stage")
    prepare: Resources = Field(Resources(), description="of making weights, where it differs")
    select: Resources = Field(Resources(), description="of scoring and searching")
    recover: Resources = Field(Resources(), description="of training after a removal")
    evaluate: Resources = Field(Resources(), description="of outcomes")
    cost: Resources = Field(Resources(), description="of costs")

    @model_validator(mode="after")
    def _several_only_train(self) -> StageResources:
        for stage in ("default", *STAGES):
            if stage not in TRAINING and self._own(stage).tasks > 1:
                raise ValueError(
                    f"{stage}: nodes and tasks_per_node belong to {' and '.join(TRAINING)}: only a training is shared"
                )
        return self

    def of(self, stage: str) -> Resources:
        """What a stage may take."""
        return self._own(stage).over(self.default)

    def over(self, other: StageResources) -> StageResources:
        """The other's, with what is stated here in place of it; a default stated here goes before any stage's there."""
        found = {stage: self.of(stage).over(other.of(stage)) for stage in STAGES}
        return StageResources(default=self.default.over(other.default), **found)

    def _own(self, stage: str) -> Resources:
        found: Resources = getattr(self, stage)
        return found


def only_trains(stages: Iterable[str]) -> bool:
    """Whether what a job does goes on from checkpoints when it is queued again, so that no time of it is lost."""
    return {*stages} <= {*TRAINING}


@dataclass(frozen=True)
class Leg:
    """Stages of a trial that one job carries out, one after another, and what it may take."""

    stages: tuple[str, ...]
    resources: Resources

    @property
    def is_last(self) -> bool:
        """Whether records are written at its end."""
        return self.stages[-1] == STAGES[-1]


def legs_of(resources: StageResources, prepares_apart: bool = False) -> tuple[Leg, ...]:
    """Neighbouring stages that need the same share a job, whose limit for a trial is the longest of theirs.

    `prepares_apart`: the first stage is a leg of its own in any case.
    """
    legs: list[Leg] = []
    for stage in STAGES:
        needs = resources.of(stage)
        is_apart = prepares_apart and len(legs) == 1 and legs[0].stages == STAGES[:1]
        if legs and not is_apart and _timeless(legs[-1].resources) == _timeless(needs):
            longest = max(legs[-1].resources.minutes, needs.minutes)
            legs[-1] = Leg((*legs[-1].stages, stage), needs.model_copy(update={"timeout_min": longest}))
        else:
            legs.append(Leg((stage,), needs))
    return tuple(legs)


def in_one_leg(resources: Sequence[StageResources]) -> Leg:
    """All stages of all models in one job, as on the machine where the command runs."""
    longest = max(one.of(stage).minutes for one in resources for stage in STAGES)
    return Leg(STAGES, resources[0].default.model_copy(update={"timeout_min": longest}))


def _timeless(resources: Resources) -> str:
    return canonical(resources.model_dump(mode="json", exclude={"timeout_min"}))
