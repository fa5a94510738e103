"""A linear layer that reads the columns of its matrix only where its input is not zero."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag


class ZeroSkipping(nn.Linear):
    """V a + b over the entries of a that are not zero, in passes of at most `tokens` tokens; others run dense.

    The parameters are those of the layer whose place it takes, by name, value and shape. The matrix (out, in) lies in
    memory column by column, so that what belongs to one entry of a stands together and the rest is never touched.
    """

    def __init__(self, layer: nn.Linear, tokens: int) -> None:
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        by_column = layer.weight.detach().t().contiguous().t()
        self.weight, self.bias = nn.Parameter(by_column, layer.weight.requires_grad), layer.bias
        self.tokens = tokens

    def forward(self, input: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        rows = input.reshape(-1, self.in_features)
        # Under autocast the matrix is cast for each step, so all of it is read anyway.
        if len(rows) > self.tokens or rows.dtype != self.weight.dtype:
            return super().forward(input)
        return self._skipping(rows).reshape(*input.shape[:-1], self.out_features)

    def _skipping(self, rows: Tensor) -> Tensor:
        tokens, active = rows.nonzero(as_tuple=True)
        # One sum of weighted columns for each token; where they start among all that were picked.
        starts = torch.searchsorted(tokens, torch.arange(len(rows), device=rows.device))
        found = embedding_bag(active, self.weight.t(), starts, mode="sum", per_sample_weights=rows[tokens, active])
        return found if self.bias is None else found + self.bias

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, tokens={self.tokens}"
