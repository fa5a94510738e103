"""Multiply-accumulates of one item, counted by harness and checked against two other counters."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.records import Asked, Measurement
from harness.schema import Json

if TYPE_CHECKING:
    from harness.collectors.cross_checks import Check

CONVENTION = "1 MAC = 2 FLOP"
TOLERANCE = 0.01


@collectors.register("macs")
class Macs(CostCollector):
    """MACs of convolutions, linear maps, matrix products and attention for one item, and FLOPs as twice that."""

    kind: ClassVar[str] = "exact"

    cross_check: bool = Field(True, description="also count with fvcore and ptflops, and warn where they disagree")

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric="macs"), Asked(metric="flops"))

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        from harness.counting import count_macs

        inputs = subject.example(1).inputs
        found = count_macs(subject.candidate, inputs)
        baseline = int(count_macs(subject.baseline, inputs).total)
        uncounted: list[Json] = [str(name) for name in found.uncounted]
        shared: dict[str, Json] = {"convention": CONVENTION, "uncounted": uncounted}
        checks = self._checks(subject) if self.cross_check else {}
        details = shared | {"baseline": baseline} | _details(checks, found.total)
        return (
            _measurement("macs", "MAC", found.total, details, _warnings(checks, found.total)),
            _measurement("flops", "FLOP", 2 * found.total, shared | {"baseline": 2 * baseline}),
        )

    def _checks(self, subject: Subject) -> dict[str, Check]:
        from harness.collectors.cross_checks import COUNTERS, cross_check

        inputs = subject.example(1).inputs
        return {name: cross_check(name, subject.candidate, inputs) for name in COUNTERS}


def _measurement(
    metric: str, unit: str, value: int, details: dict[str, Json], warnings: tuple[str, ...] = ()
) -> Measurement:
    return Measurement(
        metric=metric, unit=unit, better="lower", kind="exact", value=value, details=details, warnings=warnings
    )


def _details(checks: Mapping[str, Check], reference: int) -> dict[str, Json]:
    """Each counter's MACs as it reports them, how far off it is, and how far without what it counts by convention."""
    if not checks:
        return {}
    counts: dict[str, Json] = {name: check.macs for name, check in checks.items()}
    return counts | {
        "relative_difference": {name: check.difference(reference) for name, check in checks.items()},
        "unexplained_difference": {name: check.unexplained(reference) for name, check in checks.items()},
        "null_because": {name: check.reason for name, check in checks.items() if check.reason},
        "versions": {name: _version(name) for name in checks},
    }


def _warnings(checks: Mapping[str, Check], reference: int) -> tuple[str, ...]:
    gaps = {name: check.unexplained(reference) for name, check in checks.items()}
    return tuple(
        f"{name} counts {gap:+.1%} against harness, beyond the norms and biases that it adds"
        for name, gap in gaps.items()
        if gap is not None and abs(gap) > TOLERANCE
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
