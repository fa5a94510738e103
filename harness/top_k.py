"""A ReLU of which only the k largest entries go on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu


class TopK(nn.ReLU):
    """Top_k(relu(x)): of the hidden units of each token, along `axis`, the k largest stay and the rest become zero.

    Equation 5 of "The Lazy Neuron Phenomenon" (arXiv 2210.06313). Of equal ones as many stay as make k, so never more;
    where fewer than k are positive some of the k are zero. Gradients flow through what stays, the choice itself being
    a constant.
    """

    def __init__(self, k: int, axis: int = -1) -> None:
        super().__init__()
        self.k, self.axis = k, axis

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        return kept(relu(input), self.k, self.axis)

    def extra_repr(self) -> str:
        return f"k={self.k}"


def kept(x: Tensor, k: int, axis: int = -1) -> Tensor:
    """The k largest entries of x along an axis, and zero elsewhere; all of them where there are no more."""
    if k >= x.shape[axis]:
        return x
    values, places = x.topk(k, dim=axis, sorted=False)
    return torch.zeros_like(x).scatter(axis, places, values)
