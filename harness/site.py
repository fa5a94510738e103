"""Where a study runs: device, executor, resources and folders; never part of an identity, record or report."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, field_validator

from harness.resources import StageResources
from harness.retries import Retries
from harness.schema import Options, Schema

OWN_PATHS = ("artifacts", "scratch", "cache")  # folders in `paths` that are no data set's


class Site(Schema):
    """A site file, or the same keys inside a study."""

    device: str = Field("auto", description="auto | cpu | cuda | cuda:N | cuda:N+M (evaluation on several)")
    sharded: bool = Field(False, description="each decoder is laid over the GPUs of `device`, which are then one")
    executor: Options = Field({"name": "inline"}, description="where jobs run, with the executor's options")
    resources: StageResources = Field(StageResources(), description="time, cores, memory and GPUs of each stage")
    retries: Retries = Field(Retries(), description="further attempts, by class of failure")
    checkpoint_min: float = Field(1.0, gt=0, description="minutes between two checkpoints of a training")
    paths: dict[str, str] = Field({}, description="folders of data sets by label, and `artifacts` and `scratch`")
    stage_data: bool = Field(False, description="data are copied to `paths.scratch` of each node, and read there")
    workers: int = Field(0, ge=0, le=64, description="data-loading processes of a trial")

    @field_validator("device")
    @classmethod
    def _is_device(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3}(\+[0-9]{1,3})*)?", value):
            raise ValueError(f"must be auto, cpu, cuda, cuda:N or cuda:N+M, not {value[:40]!r}")
        numbers = value.partition(":")[2].split("+")
        if len({number.lstrip("0") for number in numbers}) < len(numbers):
            raise ValueError(f"names a GPU twice: {value[:40]!r}")
        return value

    @field_validator("executor", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("executor")
    @classmethod
    def _has_name(cls, value: Options) -> Options:
        if not isinstance(value.get("name"), str):
            raise ValueError("needs a 'name', for example {name: local}")
        return value
