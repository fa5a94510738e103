"""Top-k Transformer: at most k hidden units of every MLP fire on a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness.hidden import Hidden, fault_of, replace
from harness.transforms.base import Transform, transforms

if TYPE_CHECKING:
    from torch import nn


@transforms.register("topk")
class TopKUnits(Transform):
    """Keeps the k largest hidden units of each token in every MLP, f(x) = V Top_k(relu(K' x)), and zeroes the rest.

    "The Lazy Neuron Phenomenon" (arXiv 2210.06313), equation 5: in training and inference, with nothing else changed,
    so it starts at `prepare` unless a study says otherwise. Of equal entries exactly k stay, and gradients flow through
    these alone. A k of all hidden units is the dense network. For MLPs with a ReLU between two linear layers: `relu`
    before it in the chain, or an option of the architecture, makes one of another activation.
    """

    starts: ClassVar[str] = "prepare"
    is_once: ClassVar[bool] = True

    k: int = Field(ge=1, description="hidden units of an MLP that may fire on a token")

    def misfit(self, mlps: Sequence[Hidden]) -> str:
        return fault_of(mlps) or next(filter(None, map(self._fault, mlps)), "")

    def _fault(self, one: Hidden) -> str:
        if not one.is_relu:
            had = f"keeps the largest outputs of a ReLU, and {one.mlp} has {one.activation}"
            return f"{had}; put 'relu' before it, or build the network with ReLU"
        if one.is_gated:
            return f"{one.mlp} multiplies its activation with another linear map, which equation 5 does not have"
        if one.activation == "TopK":
            return f"{one.mlp} keeps its largest hidden units already"
        if self.k > one.width:
            return f"k is {self.k}, and {one.mlp} has {one.width} hidden units; 1 to {one.width} would do"
        return ""

    def after(self, mlps: Sequence[Hidden]) -> tuple[Hidden, ...]:
        return tuple(one.model_copy(update={"activation": "TopK"}) for one in mlps)

    def apply(self, net: nn.Module) -> nn.Module:
        from harness.top_k import TopK

        mlps = self.suited(net)
        replace(net, [one.path for one in mlps], lambda _, number: TopK(self.k, mlps[number].axis))
        return net
