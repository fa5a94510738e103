"""How much information about the items the head loses: lambda-ViT's transfer entropy of a set."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from harness.criteria.base import Scoring, SetCriterion, Tally, criteria
from harness.errors import SpecError
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor


@criteria.register("entropy")
class Entropy(SetCriterion):
    """How much a set changes the entropy of what the head reads: |TE(S)|, TE(S) = H(F) - H(F without S).

    H(F) = sum over channels j of log sigma_j, in nats; sigma_j is the population standard deviation of channel j over
    the calibration items, in float64, and F (items x channels) the feature: on a DeiT the class token after the last
    norm. From "MLP Can Be A Good Transformer Learner" (lambda-ViT, arXiv 2404.05657), which takes channels as Gaussian
    and drops the constant; how it searches is not published, greedy growth is our reading of its nested sets.
    Targets are not read. One forward pass over the calibration items for the untouched network and one for each set.

    sigma_j is never taken smaller than `guard`: a channel that is dead with and without S adds 0 to TE, and one that
    dies with S makes S expensive, where leaving it out of both sums would hide the loss. So TE({}) = 0 and H is a
    function of the set alone. A network whose channels are all dead cannot be scored.
    """

    feature: Literal["head_input"] = Field("head_input", description="what the head reads, after the last norm")
    signed: bool = Field(False, description="score TE itself: a set that raises the entropy is the cheapest to lose")
    items: int | None = Field(None, ge=2, description="calibration items; null: the whole part")
    guard: float = Field(1e-6, gt=0, description="smallest standard deviation that counts; a smaller one is a constant")

    @property
    def calibration_items(self) -> int | None:
        return self.items

    def read(self, scoring: Scoring, batch: Batch) -> Tensor:
        """What the head reads, (n, channels)."""
        net: Any = scoring.net
        if not (hasattr(net, "forward_features") and hasattr(net, "forward_head")):
            raise SpecError(f"criteria.entropy.feature: {type(net).__name__} doesn't show what its head reads")
        feature: Tensor = net.forward_head(net.forward_features(batch.inputs), pre_logits=True)
        return feature

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        whole = _Moments()
        for feature in untouched:
            whole.add(feature)
        if bool((whole.sigma() < self.guard).all()):
            raise ArithmeticError(f"entropy: no channel varies over the {whole.items} items; more items may help")
        entropy = whole.entropy(self.guard)
        return lambda: _Transfer(entropy, self.guard, is_signed=self.signed)


class _Transfer:
    """The transfer entropy of one set: the untouched network's entropy minus the set's."""

    def __init__(self, untouched: float, guard: float, *, is_signed: bool) -> None:
        self.untouched, self.guard, self.is_signed = untouched, guard, is_signed
        self.moments = _Moments()

    def update(self, read: Tensor, batch: Batch, index: int) -> None:
        self.moments.add(read)

    def score(self) -> float:
        transfer = self.untouched - self.moments.entropy(self.guard)
        return transfer if self.is_signed else abs(transfer)


class _Moments:
    """Mean and sum of squared deviations by channel, merged batch by batch (Chan, Golub and LeVeque, 1979)."""

    def __init__(self) -> None:
        self.items = 0
        self.mean: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def add(self, feature: Tensor) -> None:
        values = feature.double()
        items, mean = values.shape[0], values.mean(0)
        gap, total = mean - self.mean, self.items + items
        self.squares = self.squares + (values - mean).square().sum(0) + gap.square() * (self.items * items / total)
        self.mean = self.mean + gap * (items / total)
        self.items = total

    def sigma(self) -> Tensor:
        """Population standard deviation by channel."""
        import torch

        return torch.as_tensor(self.squares / self.items).sqrt()

    def entropy(self, guard: float) -> float:
        """Sum of the logarithms of sigma, each at least `guard`; raises ArithmeticError where one is not finite."""
        import torch

        sigma = self.sigma()
        if not bool(torch.isfinite(sigma).all()):
            raise ArithmeticError("entropy: the feature is not finite")
        return float(sigma.clamp(min=guard).log().sum())
