"""ReLU in place of whatever activation the MLPs of a network have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from harness.hidden import Hidden, fault_of, replace
from harness.transforms.base import Transform, transforms

if TYPE_CHECKING:
    from torch import nn


@transforms.register("relu")
class ReluConversion(Transform):
    """Puts a ReLU where the MLPs of a network have another activation, GELU for instance; weights stay as they are.

    What "The Lazy Neuron Phenomenon" (arXiv 2210.06313) does with ViT before it counts active units. It starts at
    `prepare`, so that a network is trained with it; weights that were trained with another activation lose accuracy
    until a recovery has trained them on. Gated MLPs get the ReLU at their gate. Token mixers, experts and whatever is
    no MLP in the words of its family keep what they have.
    """

    starts: ClassVar[str] = "prepare"
    is_once: ClassVar[bool] = True

    def misfit(self, mlps: Sequence[Hidden]) -> str:
        is_done = all(one.is_relu for one in mlps)
        return fault_of(mlps) or ("every MLP has a ReLU already; leave it out" if is_done else "")

    def after(self, mlps: Sequence[Hidden]) -> tuple[Hidden, ...]:
        return tuple(one if one.is_relu else one.model_copy(update=_CHANGED) for one in mlps)

    def apply(self, net: nn.Module) -> nn.Module:
        from torch import nn

        mlps = self.suited(net)
        replace(net, [one.path for one in mlps if not one.is_relu], lambda _, __: nn.ReLU())
        return net


_CHANGED = {"activation": "ReLU", "is_relu": True}
