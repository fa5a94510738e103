"""Which failures are worth another attempt, and with how much more time; a site file may change it."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from harness.records import FailureClass
from harness.schema import Schema


class Retry(Schema):
    """How often a trial is tried again, and by what its time limit grows each time."""

    times: int = Field(0, ge=0, le=100, description="further attempts")
    time_factor: float = Field(1.0, ge=1, le=10, description="each gets so many times the time of the last")


def _retry(time_factor: float = 1.0) -> BeforeValidator:
    def parsed(value: Any) -> Any:
        if isinstance(value, Retry):
            return value
        return {"time_factor": time_factor, **(value if isinstance(value, dict) else {"times": value})}

    return BeforeValidator(parsed)


Plain = Annotated[Retry, _retry()]
Longer = Annotated[Retry, _retry(2.0)]


class Retries(Schema):
    """By class of failure; a number stands for `times`.

    A trial is tried again once all others of its job had their turn. An error, a number that is none or memory that
    does not suffice would only come again, and a batch is never made smaller in silence: none of them by default.
    """

    killed: Plain = Field(Retry(times=1), description="a trial that was killed")
    timeout: Longer = Field(Retry(times=1, time_factor=2.0), description="a trial that ran out of time")
    preempted: Plain = Field(Retry(times=20), description="a job that Slurm takes off its node or whose time is up")
    oom_gpu: Plain = Field(Retry(), description="out of memory on the GPU, with the same batch")
    oom_host: Plain = Field(Retry(), description="out of memory on the host")
    numerical: Plain = Field(Retry(), description="a number that is none")
    error: Plain = Field(Retry(), description="any other error")

    def by_class(self) -> dict[FailureClass, Retry]:
        """What is stated for each class."""
        return {kind: getattr(self, kind) for kind in get_args(FailureClass) if kind in Retries.model_fields}
