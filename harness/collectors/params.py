"""The number of parameters that are left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.records import Asked, Measurement
from harness.schema import Json

if TYPE_CHECKING:
    from torch import Tensor, nn


@collectors.register("params")
class Params(CostCollector):
    """Parameters, each counted once even where several modules share it; buffers are apart, in the details."""

    kind: ClassVar[Literal["exact", "noisy"]] = "exact"

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
    return sum(bytes_by_dtype(net.parameters()).values())


def buffer_bytes(net: nn.Module) -> int:
    """Bytes of all buffers."""
    return sum(bytes_by_dtype(net.buffers()).values())


def bytes_by_dtype(tensors: Iterable[Tensor]) -> dict[str, int]:
    """Bytes of all tensors by torch's name of their precision (`float32`), in the order in which they are met."""
    found: dict[str, int] = {}
    for tensor in tensors:
        name = str(tensor.dtype).removeprefix("torch.")
        found[name] = found.get(name, 0) + tensor.numel() * tensor.element_size()
    return found
