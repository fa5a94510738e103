"""Bytes of the parameters that are left, in the precision they are held in."""

from __future__ import annotations

from typing import ClassVar, Literal

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.params import buffer_bytes, bytes_by_dtype, parameter_bytes
from harness.records import Asked, Measurement
from harness.schema import Json


@collectors.register("param_bytes")
class ParamBytes(CostCollector):
    """Bytes of all parameters as the runtime holds them; per precision, and those of buffers, in the details."""

    kind: ClassVar[Literal["exact", "noisy"]] = "exact"

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric="param_bytes"),)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        net = subject.candidate
        details: dict[str, Json] = {
            "by_dtype": dict(bytes_by_dtype(net.parameters())),
            "buffer_bytes": buffer_bytes(net),
            "buffers_by_dtype": dict(bytes_by_dtype(net.buffers())),
            "baseline": parameter_bytes(subject.baseline),
            "baseline_by_dtype": dict(bytes_by_dtype(subject.baseline.parameters())),
        }
        return (
            Measurement(
                metric="param_bytes",
                unit="B",
                better="lower",
                kind="exact",
                value=parameter_bytes(net),
                details=details,
            ),
        )
