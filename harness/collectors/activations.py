"""Elements that the counted operators give out for one item."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.per_item import counts_of
from harness.records import Asked, Measurement

if TYPE_CHECKING:
    from harness.counting import MacCount

CONVENTION = "outputs of convolutions, linear maps and matrix products; attention gives its scores and its output"


@collectors.register("activations")
class Activations(CostCollector):
    """Elements that convolutions, linear maps and matrix products give out for one item, each output counted once.

    Attention counts as its two products, scores (heads, n, m) and output (heads, n, e), whichever kernel runs: a fused
    one never stores the scores, so this is a size of the structure and no memory. fvcore's convention, unfused.
    """

    kind: ClassVar[Literal["exact", "noisy"]] = "exact"

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric="activations"),)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        counts = counts_of(subject)
        return (
            Measurement(
                metric="activations",
                unit="1",
                better="lower",
                kind="exact",
                value=counts.mean(counts.candidate, _activations),
                details={"convention": CONVENTION} | counts.details(_activations),
                warnings=counts.warnings(),
            ),
        )


def _activations(count: MacCount) -> int:
    return count.activations
