"""Gates with inhibition: features are multiplied by a branch from which a share of its largest value was taken.

"giMLPs: Gate with Inhibition Mechanism in MLPs", arXiv 2208.00929. The body of the paper was not available: these are
the forms of its architecture figure and of the published code.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import gelu

from harness.architectures.building import check_choice

SCOPES = ("tensor", "sample", "token")


class Inhibition(nn.Module):
    """x - r max(x), with the inhibition level r in [0, 1); the gradient flows through the maximum too.

    The maximum is over the whole `tensor`, as in the published code, where what comes out of an item depends on the
    other items of its batch; or over each `sample`; or over the channels of each `token`.
    """

    def __init__(self, level: float, scope: str = "tensor") -> None:
        super().__init__()
        if not 0 <= level < 1:
            raise ValueError(f"inhibition_level must be at least 0 and below 1, a share of the maximum, not {level}")
        check_choice("inhibition_scope", scope, SCOPES)
        self.level, self.scope = level, scope
        self.shares_out = scope == "tensor" and level > 0  # so that a training on several processes is refused

    def forward(self, x: Tensor) -> Tensor:
        """x (n, ..., channels) to the same shape."""
        return x - self.level * self._largest(x) if self.level else x

    def _largest(self, x: Tensor) -> Tensor:
        if self.scope == "tensor":
            return x.max()
        axes = tuple(range(1, x.dim())) if self.scope == "sample" else -1
        return x.amax(axes, keepdim=True)

    def extra_repr(self) -> str:
        """What torch prints of it."""
        return f"level={self.level}, scope={self.scope!r}"


class Gate(nn.Module):
    """y gelu(i - r max(i)) with i = W_i gelu(W_g x + b_g) + b_i; as a correction y (1 + gelu(..)).

    A correction is what gates pretrained projections of attention: it is 1 where the branch gives nothing.
    """

    def __init__(self, width: int, hidden: int, inhibition: Inhibition, is_correction: bool) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden)
        self.inhibition = nn.Linear(hidden, width)
        self.threshold = inhibition
        self.is_correction = is_correction

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """What is gated, and what the gate reads, both (..., width)."""
        return y * self.selected(x)

    def selected(self, x: Tensor) -> Tensor:
        """The factor, from -0.17 up, or from 0.83 up."""
        through = gelu(self.threshold(self.inhibition(gelu(self.gate(x)))))
        return 1 + through if self.is_correction else through
