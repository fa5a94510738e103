"""Second layers of MLPs that skip what does not fire, in passes of few tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness.hidden import Hidden, fault_of, replace
from harness.transforms.base import Transform, transforms

if TYPE_CHECKING:
    from torch import nn

READER = "ZeroSkipping"


@transforms.register("skip_zeros")
class SkipZeros(Transform):
    """Computes the second layer of every MLP from the columns of active units alone, V[:, idx] a[idx].

    "The Lazy Neuron Phenomenon" (arXiv 2210.06313), section 4.2: it changes outputs by rounding alone, whether units
    are idle by nature or by `topk`. It pays where a pass has one token or few (text written token by token, batch 1);
    passes of more than `tokens` run dense, because there a dense product is faster (docs/performance.md). So it starts
    at `cost`; from `evaluate` on outcomes are computed with it too. MACs are those that were computed, on real items.
    """

    starts: ClassVar[str] = "cost"
    earliest: ClassVar[str] = "evaluate"
    is_once: ClassVar[bool] = True
    reads_values: ClassVar[bool] = True

    tokens: int = Field(1, ge=1, description="most tokens of a pass, over the whole batch, that skips")

    def misfit(self, mlps: Sequence[Hidden]) -> str:
        return fault_of(mlps) or next(filter(None, map(_fault, mlps)), "")

    def after(self, mlps: Sequence[Hidden]) -> tuple[Hidden, ...]:
        return tuple(one.model_copy(update={"reader": READER}) for one in mlps)

    def apply(self, net: nn.Module) -> nn.Module:
        from harness.zero_skipping import ZeroSkipping

        replace(net, [one.second for one in self.suited(net)], lambda layer, _: ZeroSkipping(layer, self.tokens))
        return net


def _fault(one: Hidden) -> str:
    if not one.is_relu:
        return f"{one.mlp} has {one.activation}, after which nothing is zero; put 'relu' before it"
    if one.reader == READER:
        return f"{one.mlp} skips what does not fire already"
    if one.reader != "Linear":
        return f"the hidden units of {one.mlp} are read by a {one.reader}, and columns of a Linear alone are skipped"
    return ""
