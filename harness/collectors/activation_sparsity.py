"""How few hidden units of the MLPs fire on a token, and the multiply-accumulates that this would save."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from harness.collectors.active_units import Seen, UnitProbe, Units, added, mean_share
from harness.collectors.base import SPLITS, OutcomeCollector, collectors
from harness.collectors.guard import CollectorFault
from harness.collectors.metrics import absent, answer
from harness.hidden import Hidden, fault_of, hidden_of
from harness.records import Asked, Measurement, Outcome
from harness.schema import Json, Options
from harness.tasks.base import Batch, Task

if TYPE_CHECKING:
    from torch import nn

    from harness.collectors.sparse_macs import DenseMacs

SHARE, ABOVE, MACS = "active_share", "share_above", "macs_sparse"


@collectors.register("activation_sparsity")
class ActivationSparsity(OutcomeCollector):
    """Share of the hidden units of MLPs that are above zero after a ReLU: mean over tokens, then over MLPs.

    "The Lazy Neuron Phenomenon" (arXiv 2210.06313), sections 2 and 3.1; the smaller the sparser, and 1/2 is what a
    fresh network has. Every MLP has its own share in `by_sublayer`, and in `details` its counts (exact, in int64), the
    fewest and most units that fire on a token, and over its units the quantiles of the share of tokens that each fires
    on. Padding is no token. `macs_sparse` are the MACs of an item if the second layers met active units alone
    (d_model s for each token, with s of the d_ff units active), counted as `macs` are.

    Nothing is ever zero after a GELU or SiLU, and such networks are refused. With a `threshold` the metric is
    `share_above`, of units whose magnitude is above it, whatever the activation; skipping the others would change
    what the network gives, so no MACs are told.
    """

    threshold: float | None = Field(
        None, ge=0, description="count magnitudes above this, as share_above; without it what a ReLU leaves above zero"
    )

    def asked(self) -> tuple[Asked, ...]:
        return tuple(self.question(metric, split) for split in SPLITS for metric in self.metrics)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is told of each split."""
        return (SHARE, MACS) if self.threshold is None else (ABOVE,)

    def misfit(self, mlps: Sequence[Hidden]) -> str:
        other = next((one for one in mlps if not one.is_relu), None)
        if self.threshold is not None or other is None:
            return fault_of(mlps)
        mended = "'relu' among the transforms, or an option of the architecture, gives it one"
        counted = f"active units are those that a ReLU leaves above zero, and {other.mlp} has {other.activation}"
        return fault_of(mlps) or f"{counted}; {mended}, and with a 'threshold' the share above that is told"

    def probe(self, net: nn.Module, task: Task) -> UnitProbe:
        mlps = hidden_of(net)
        fault = self.misfit(mlps)
        if fault:
            raise CollectorFault(fault)
        return UnitProbe(net, mlps, self.threshold, _macs(net, mlps, task) if self.threshold is None else None)

    def tally(self, split: str, task: Task, order: str) -> ActivityTally:
        return ActivityTally(split, self)

    def question(self, metric: str, split: str) -> Asked:
        """What is asked of a split."""
        at: Options = {key: value for key, value in self.identity().items() if key != "name"}
        return Asked(metric=metric, split=split, at=at)


def _macs(net: nn.Module, mlps: Sequence[Hidden], task: Task) -> DenseMacs:
    from harness.collectors.sparse_macs import dense_macs

    held = next(net.parameters())
    inputs = task.example(task.input_config(net), 1, str(held.device)).inputs
    return dense_macs(net, mlps, inputs.to(held.dtype) if inputs.is_floating_point() else inputs)


class ActivityTally:
    """Counts of a split, by MLP."""

    def __init__(self, split: str, collector: ActivationSparsity) -> None:
        self._split, self._collector = split, collector
        self._held: dict[str, Units] = {}
        self._macs: DenseMacs | None = None

    def update(self, outputs: Seen, batch: Batch) -> None:
        """What the probe saw of a batch; raises ArithmeticError for NaN, CollectorFault where nothing can be told."""
        added(self._held, outputs, self._split)
        self._macs = outputs.macs

    def finish(self) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        """The metrics of the split; no outcomes, since no item is right or wrong in this."""
        asked = [self._collector.question(metric, self._split) for metric in self._collector.metrics]
        if not self._held:
            return tuple(absent(one, "exact", "the split has no items") for one in asked), ()
        mlps: dict[str, Json] = {name: one.details() for name, one in self._held.items()}
        shares = {name: one.share for name, one in self._held.items()}
        details: dict[str, Json] = {"mlps": mlps}
        share = answer(asked[0], "exact", mean_share(self._held), by_sublayer=shares, details=details)
        return (share, *(_saved(one, self._macs, self._held) for one in asked[1:] if self._macs)), ()


def _saved(asked: Asked, macs: DenseMacs, held: dict[str, Units]) -> Measurement:
    """MACs with the mean number of active units, exact before they are rounded; and what Top-k alone would bound."""
    active: dict[str, Fraction | int] = {name: Fraction(one.active, one.tokens) for name, one in held.items()}
    found, second = macs.sparse(active), macs.second(active)
    details: dict[str, Json] = {
        "dense": macs.total,
        "second_layers": float(second),
        "second_layers_dense": int(macs.second()),
        "second_layers_share": float(second / found),
        "saved": float(1 - found / macs.total),
        "at_most": int(macs.at_most()),
        "active_per_token": {name: float(one) for name, one in active.items()},
    }
    return answer(asked, "exact", float(found), details=details)
