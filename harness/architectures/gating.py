"""A mixture of experts with a noisy softmax gate, and the losses that keep its experts equally busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from harness.architectures.experts import routed

Noise: TypeAlias = Literal["training", "always", "never"]
NOISES: tuple[Noise, ...] = ("training", "always", "never")


class NoisyGate(nn.Module):
    """G(z) = TopK(softmax(W z + eps)), eps ~ N(0, 1/N^2) for each of N experts (arXiv 2109.02008, equation 5).

    The kept probabilities are not made to add up to 1 again. `noise` says when there is any: the paper means it for
    exploration in training and doesn't say that it is switched off afterwards; here it is, unless `always`.
    """

    def __init__(self, width: int, experts: int, top_k: int, noise: Noise = "training") -> None:
        super().__init__()
        self.experts, self.top_k, self.noise = experts, top_k, noise
        self.weight = nn.Parameter(torch.empty(experts, width))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, items: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of items (m, width): the kept probabilities and their experts, (m, top_k), and the logits without and with
        noise, (m, experts).
        """
        plain = nn.functional.linear(items, self.weight)
        is_noisy = self.noise == "always" or (self.noise == "training" and self.training)
        noisy = plain + torch.randn_like(plain) / self.experts if is_noisy else plain
        kept, chosen = noisy.softmax(dim=-1).topk(self.top_k, dim=-1)
        return kept, chosen, plain, noisy


class Mixture(nn.Module):
    """MoE(z) = sum of G(z)_i E_i(z) over the K kept experts (arXiv 2109.02008, equation 4): exact, without dropping.

    `make` makes one expert, width -> width. In training the losses of the last pass are in `auxiliary`.
    """

    def __init__(
        self, width: int, experts: int, top_k: int, make: Callable[[], nn.Module], noise: Noise = "training"
    ) -> None:
        super().__init__()
        self.gate = NoisyGate(width, experts, top_k, noise)
        self.experts = nn.ModuleList(make() for _ in range(experts))
        self.auxiliary: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Items (..., width), each routed alone, to the same shape."""
        items = x.reshape(-1, x.shape[-1])
        kept, chosen, plain, noisy = self.gate(items)
        top_k = self.gate.top_k
        rows = items if top_k == 1 else items.repeat_interleave(top_k, dim=0)
        given: Tensor = kept.view(-1, 1) * routed(rows, chosen.flatten(), self.experts)
        self.auxiliary = balance_loss(plain, noisy, top_k) if self.training else None
        mixed: Tensor = given if top_k == 1 else given.view(-1, top_k, x.shape[-1]).sum(dim=1)
        return mixed.view(x.shape)


def balance_loss(plain: Tensor, noisy: Tensor, top_k: int) -> Tensor:
    """L_imp / 2 + L_load / 2 of one layer, from logits (items, experts) without and with noise; equations 6 to 11."""
    importance = plain.softmax(dim=-1).sum(dim=0)
    load = chances(plain, noisy, top_k).sum(dim=0)
    return (unevenness(importance) + unevenness(load)) / 2


def unevenness(of_experts: Tensor) -> Tensor:
    """(std / mean)^2 with the deviation of the population: 0 for equal experts, N - 1 where one of N has it all."""
    return of_experts.var(correction=0) / of_experts.mean().square()


def chances(plain: Tensor, noisy: Tensor, top_k: int) -> Tensor:
    """p_i = P(eps_i >= thr_K(W z + eps) - (W z)_i), the chance that expert i is kept under fresh noise (equation 10).

    An expert is kept as soon as fewer than K of the *others* lie above it. So the threshold is the K-th largest noisy
    logit among the others; with its own among them the sum over experts would tend to K - 1/2 for vanishing noise.
    """
    experts = plain.shape[-1]
    if top_k == experts:
        return torch.ones_like(plain)
    best = noisy.topk(top_k + 1, dim=-1).values
    last_in, first_out = best[..., top_k - 1, None], best[..., top_k, None]
    threshold = torch.where(noisy >= last_in, first_out, last_in)
    deviations = (plain - threshold) * experts  # the noise has a standard deviation of 1 / experts
    found: Tensor = torch.special.ndtr(deviations)
    return found
