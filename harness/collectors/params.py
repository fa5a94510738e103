"""The number of parameters that are left."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.records import Asked, Measurement
from harness.schema import Json

if TYPE_CHECKING:
    from torch import nn


@collectors.register("params")
class Params(CostCollector):
    """Parameters, each counted once even where several modules share it; buffers are apart, in the details."""

    kind: ClassVar[str] = "exact"

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric="params"),)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        net, baseline = subject.candidate, subject.baseline
        details: dict[str, Json] = {
            "bytes": parameter_bytes(net),
            "buffer_bytes": buffer_bytes(net),
            "baseline": parameters(baseline),
            "baseline_bytes": parameter_bytes(baseline),
        }
        return (
            Measurement(
                metric="params", unit="1", better="lower", kind="exact", value=parameters(net), details=details
            ),
        )


def parameters(net: nn.Module) -> int:
    """Elements of all parameters."""
    return sum(parameter.numel() for parameter in net.parameters())


def parameter_bytes(net: nn.Module) -> int:
    """Bytes of all parameters in the precision they are held in."""
    return sum(parameter.numel() * parameter.element_size() for parameter in net.parameters())


def buffer_bytes(net: nn.Module) -> int:
    """Bytes of all buffers."""
    return sum(buffer.numel() * buffer.element_size() for buffer in net.buffers())
