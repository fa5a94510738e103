"""Multiply-accumulates of one item, counted by harness and checked against two other counters."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.metrics import answer
from harness.collectors.per_item import Counts, counts_of, per_item
from harness.collectors.sizes import Sizes, resized
from harness.records import Asked, Measurement
from harness.schema import Json, Options

if TYPE_CHECKING:
    from harness.collectors.cross_checks import Check
    from harness.counting import MacCount

CONVENTION = "1 MAC = 2 FLOP"
TOLERANCE = 0.01


@collectors.register("macs")
class Macs(CostCollector):
    """MACs of convolutions, linear maps, matrix products and attention for one item, and FLOPs as twice that.

    Where a network looks at values (routed experts, dropped tokens, early exits) it is the mean over real batches.
    """

    kind: ClassVar[Literal["exact", "noisy"]] = "exact"

    image_size: Sizes = Field((), description="pixels a side, one or several, counted beside the network's own size")
    cross_check: bool = Field(True, description="also count with fvcore and ptflops, and warn where they disagree")

    def asked(self) -> tuple[Asked, ...]:
        return tuple(Asked(metric=m, at=_at(size)) for size in self._sizes() for m in ("macs", "flops"))

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        return tuple(m for size in self._sizes() for m in self._counted(resized(subject, size), size))

    def _sizes(self) -> tuple[int | None, ...]:
        """The network's own size, which the plain metric is of, and those asked for beside it."""
        return (None, *self.image_size)

    def _counted(self, subject: Subject, size: int | None) -> tuple[Measurement, ...]:
        counts = counts_of(subject)
        checks = self._checks(subject, counts) if self.cross_check else {}
        uncounted: list[Json] = list(counts.uncounted)
        shared: dict[str, Json] = {"convention": CONVENTION, "uncounted": uncounted}
        details = shared | counts.details(_total) | _details(checks, counts)
        warnings = counts.warnings() + _warnings(checks, counts)
        macs = counts.mean(counts.candidate, _total)
        baseline = counts.mean(counts.baseline, _total)
        return (
            answer(Asked(metric="macs", at=_at(size)), "exact", macs, details=details, warnings=warnings),
            answer(Asked(metric="flops", at=_at(size)), "exact", 2 * macs, details=shared | {"baseline": 2 * baseline}),
        )

    def _checks(self, subject: Subject, counts: Counts) -> dict[str, Check]:
        from harness.collectors.cross_checks import COUNTERS, cross_check

        return {name: cross_check(name, subject.candidate, counts.first) for name in COUNTERS}


def _total(count: MacCount) -> int:
    return count.total


def _at(size: int | None) -> Options:
    return {} if size is None else {"image_size": size}


def _details(checks: Mapping[str, Check], counts: Counts) -> dict[str, Json]:
    """Each counter's MACs as it reports them, how far off it is, and how far without what it counts by convention.

    All are of the first batch, per item.
    """
    if not checks:
        return {}
    reference, items = counts.candidate[0].total, counts.items[0]
    found: dict[str, Json] = {
        name: None if check.macs is None else per_item(check.macs, items) for name, check in checks.items()
    }
    return found | {
        "relative_difference": {name: check.difference(reference) for name, check in checks.items()},
        "unexplained_difference": {name: check.unexplained(reference) for name, check in checks.items()},
        "unseen_operators": {name: list(check.unseen) for name, check in checks.items() if check.macs is not None},
        "null_because": {name: check.reason for name, check in checks.items() if check.reason},
        "versions": {name: _version(name) for name in checks},
    }


def _warnings(checks: Mapping[str, Check], counts: Counts) -> tuple[str, ...]:
    gaps = {name: check.unexplained(counts.candidate[0].total) for name, check in checks.items()}
    return tuple(
        f"{name} counts {gap:+.1%} against harness, beyond the norms and biases that it adds; {_blame(checks[name])}"
        for name, gap in gaps.items()
        if gap is not None and abs(gap) > TOLERANCE
    )


def _blame(check: Check) -> str:
    return f"it has no formula for {', '.join(check.unseen)}" if check.unseen else "no operator escaped it"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
