"""Stretches of made-up text, alone or padded together, and what scores decoders on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from decoders import VOCABULARY
from scorings import scoring_of
from torch import Tensor, nn

from harness.criteria.base import Scoring
from harness.tasks.language_modelling import LanguageModelling
from harness.tasks.texts import UNSCORED, TextBatch

TASK = LanguageModelling()
LENGTHS = (12, 9, 5, 12, 3)


def stretches(lengths: Sequence[int] = LENGTHS, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Seeded token ids and what comes next, (length,) each; the first token of the last stretch was told before."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randint(VOCABULARY, (length + 1,), generator=generator) for length in lengths]
    found = [(ids[:-1], ids[1:].clone()) for ids in drawn]
    found[-1][1][0] = UNSCORED
    return found


def together(items: Sequence[tuple[Tensor, Tensor]], filler: int = 0, more: int = 0) -> TextBatch:
    """One batch, padded to the longest and `more` tokens beyond."""
    longest = max(len(ids) for ids, _ in items) + more
    inputs = torch.full((len(items), longest), filler)
    targets = torch.full_like(inputs, UNSCORED)
    mask = torch.zeros(inputs.shape, dtype=torch.bool)
    for row, (ids, told) in enumerate(items):
        inputs[row, : len(ids)], targets[row, : len(ids)], mask[row, : len(ids)] = ids, told, True
    return TextBatch(inputs, targets, mask=None if bool(mask.all()) else mask)


def text_scoring(net: nn.Module, batches: Iterable[TextBatch], target: str = "attention", seed: int = 0) -> Scoring:
    """Everything a criterion may look at of a decoder, removal by `skip`."""
    return scoring_of(net, batches, target, seed, TASK)
