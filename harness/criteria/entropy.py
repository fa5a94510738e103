"""How much information about the items the head loses: lambda-ViT's transfer entropy of a set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from harness.criteria.base import Scoring, SetCriterion, SetScore, criteria
from harness.errors import SpecError

if TYPE_CHECKING:
    from torch import Tensor

    from harness.families.base import Unit


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

    def set_score(self, scoring: Scoring) -> SetScore:
        untouched = self._entropy(scoring, ())

        def score(units: tuple[Unit, ...]) -> float:
            transfer = untouched - self._entropy(scoring, units)
            return transfer if self.signed else abs(transfer)

        return score

    def _entropy(self, scoring: Scoring, units: tuple[Unit, ...]) -> float:
        import torch

        moments = _Moments()
        with torch.inference_mode(), scoring.without(units):
            for feature in _features(scoring):
                moments.add(feature)
        sigma = moments.sigma()
        names = ", ".join(unit.name for unit in units) or "nothing"
        if not bool(torch.isfinite(sigma).all()):
            raise ArithmeticError(f"entropy: the feature is not finite with {names} removed")
        if not units and bool((sigma < self.guard).all()):
            raise ArithmeticError(f"entropy: no channel varies over the {moments.items} items; more items may help")
        return float(sigma.clamp(min=self.guard).log().sum())


def _features(scoring: Scoring) -> Iterator[Tensor]:
    """What the head reads, (n, channels) a batch."""
    net: Any = scoring.net
    device = str(next(scoring.net.parameters()).device)
    if not (hasattr(net, "forward_features") and hasattr(net, "forward_head")):
        raise SpecError(f"criteria.entropy.feature: {type(net).__name__} doesn't show what its head reads")
    for batch in scoring.batches:
        yield net.forward_head(net.forward_features(batch.to(device).inputs), pre_logits=True)


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
