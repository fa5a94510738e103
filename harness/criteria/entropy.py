"""How much information about the items the head loses: lambda-ViT's transfer entropy of a set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from harness.criteria.base import Scoring, SetCriterion, Tally, criteria
from harness.criteria.features import check_class_token, final_tokens, head_input, reduced
from harness.criteria.labels import balanced
from harness.criteria.moments import Base, Deviation, Gaussian, Moments
from harness.tasks.base import Batch
from harness.tasks.classification import Classification

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@criteria.register("entropy")
class Entropy(SetCriterion):
    """How much a set changes the entropy of what the head reads: |TE(S)|, TE(S) = H(F) - H(F without S).

    H(F) = sum over channels j of log sigma_j, in nats; sigma_j is the population standard deviation of channel j over
    the calibration items, in float64, and F (items x channels) the feature: on a DeiT the class token after the last
    norm. From "MLP Can Be A Good Transformer Learner" (lambda-ViT, arXiv 2404.05657), which takes channels as Gaussian
    and drops the constant; how it searches is not published, greedy growth is our reading of its nested sets.
    Targets are not read, unless items are balanced by them. One forward pass over the calibration items for the
    untouched network and one for each set.

    `site: head` takes the logits instead, in bits and with the unbiased deviation: the authors' second variant.
    `feature` names what of the last block's output is F: what the head makes of it, the class token (the first), the
    mean of all tokens, or all tokens, each token of each item being a sample; the last two read what the head of a
    class-token network never sees.

    sigma_j is never taken smaller than `guard`: a channel that is dead with and without S adds 0 to TE, and one that
    dies with S makes S expensive, where leaving it out of both sums would hide the loss. So TE({}) = 0 and H is a
    function of the set alone. A channel that is dead in the untouched network and comes alive with S raises H by up
    to -log guard, as much as one that dies lowers it; `dead: drop` leaves it out, for every set alike, since the head
    never learned to read it. What is left out never depends on S: each set could then hide its own loss. A network
    whose channels are all dead cannot be scored.
    """

    feature: Literal["head_input", "class", "mean", "all"] = Field(
        "head_input", description="what the head reads, after the last norm; or the class token, mean or all tokens"
    )
    site: Literal["block_output", "head"] = Field(
        "block_output", description="the last block's output after the last norm, or the head's: the logits"
    )
    signed: bool = Field(False, description="score TE itself: a set that raises the entropy is the cheapest to lose")
    items: int | None = Field(None, ge=2, description="calibration items; null: the whole part")
    balance: Literal["none", "classes"] = Field(
        "none", description="classes: equally many items of each, the first of each in order; reads labels"
    )
    base: Base | None = Field(None, description="of the logarithm; null: e, and 2 at site head")
    deviation: Deviation | None = Field(
        None, description="standard deviation by n or by n - 1; null: population, and unbiased at site head"
    )
    guard: float = Field(1e-6, gt=0, description="smallest standard deviation that counts; a smaller one is a constant")
    dead: Literal["floor", "drop"] = Field(
        "floor", description="channels below the guard count as the guard, or are left out if untouched ones are"
    )

    @model_validator(mode="after")
    def _has_tokens(self) -> Entropy:
        if self.site == "head" and self.feature != "head_input":
            raise ValueError(f"feature {self.feature!r} is made of tokens, which site 'head' has not; leave one out")
        return self

    @property
    def calibration_items(self) -> int | None:
        # A balanced choice is made from the whole part.
        return self.items if self.balance == "none" else None

    @property
    def reads_labels(self) -> bool:
        return self.balance == "classes"

    def chosen(self, batches: Sequence[Batch]) -> tuple[Batch, ...]:
        picks = self._picks(batches)
        if picks is None:
            return tuple(batches)
        found = (b.at(rows) for b, rows in zip(batches, picks, strict=True) if len(rows))
        return tuple(found)

    def task_fault(self, task: str) -> str:
        is_by_label = self.balance == "classes" and task != Classification.name
        return f"balance 'classes' is of {Classification.name}; leave it out" if is_by_label else ""

    def read(self, scoring: Scoring, batch: Batch) -> Tensor:
        """(n, channels), or (n, tokens, channels) where all tokens are samples."""
        if self.site == "head":
            return scoring.task.forward(scoring.net, batch)
        import torch

        where = "criteria.entropy.feature"
        if self.feature == "head_input":
            return head_input(scoring.net, batch.inputs, where)
        if self.feature == "class":
            check_class_token(scoring.net, where)
        tokens = final_tokens(scoring.net, batch.inputs, where)
        if self.feature == "all":
            return tokens
        return torch.cat([reduced(own, self.feature) for own in batch.unpadded(tokens)])

    def tallies(self, scoring: Scoring, untouched: tuple[Tensor, ...]) -> Callable[[], Tally]:
        picks = self._picks(scoring.batches)
        measure, whole = self._measure(), Moments()
        for index, feature in enumerate(untouched):
            for samples in _samples(feature, scoring.batches[index].to(scoring.device), picks, index):
                whole.add(samples)
        alive = measure.sigma(whole) >= self.guard
        if not bool(alive.any()):
            raise ArithmeticError(f"entropy: no channel varies over the {whole.samples} items; more items may help")
        counted = alive if self.dead == "drop" else None
        entropy = measure.entropy(whole, counted)

        def score(moments: Moments) -> float:
            transfer = entropy - measure.entropy(moments, counted)
            return transfer if self.signed else abs(transfer)

        return lambda: _Transfer(picks, score)

    def _picks(self, batches: Sequence[Batch]) -> tuple[NDArray[np.int64], ...] | None:
        return balanced(batches, self.items, "criteria.entropy.balance") if self.balance == "classes" else None

    def _measure(self) -> Gaussian:
        is_head = self.site == "head"
        base: Base = self.base or (2 if is_head else "e")
        deviation: Deviation = self.deviation or ("unbiased" if is_head else "population")
        return Gaussian(self.guard, base, deviation)


class _Transfer:
    """The transfer entropy of one set: the untouched network's entropy minus the set's."""

    def __init__(self, picks: tuple[NDArray[np.int64], ...] | None, measure: Callable[[Moments], float]) -> None:
        self._picks, self._measure = picks, measure
        self._moments = Moments()

    def update(self, read: Tensor, batch: Batch, index: int) -> None:
        for samples in _samples(read, batch, self._picks, index):
            self._moments.add(samples)

    def score(self) -> float:
        return self._measure(self._moments)


def _samples(read: Tensor, batch: Batch, picks: tuple[NDArray[np.int64], ...] | None, index: int) -> Iterator[Tensor]:
    """Samples by channel of what was read of a batch, of the picked items only; no padding among them."""
    picked = read if picks is None else read[picks[index]]
    if picked.dim() <= 2:
        yield picked
    else:
        yield from (reduced(own, "all") for own in batch.unpadded(picked))
