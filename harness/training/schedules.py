"""What a training changes as it goes on: the learning rate, and the factor of what fades."""

from __future__ import annotations

import math

from harness.recipes import TrainOptions


def learning_rate(step: int, steps: int, options: TrainOptions) -> float:
    """Rate of step 0 <= `step` < `steps`: a line up to `lr`, then half a cosine down to `min_lr`.

    With w = floor(warmup * steps), step k < w has lr (k + 1) / (w + 1); step w is the first at full `lr`.
    The cosine would reach `min_lr` at step `steps`, one past the last, so that every step still moves.
    """
    rising = int(options.warmup * steps)
    if step < rising:
        return options.lr * (step + 1) / (rising + 1)
    share = (step - rising) / (steps - rising)
    return options.min_lr + (options.lr - options.min_lr) * (1 + math.cos(math.pi * share)) / 2


def faded_from(length: int, share: float) -> int:
    """The first of `length` epochs (or steps) whose factor is 0: `share` of them, rounded half up, within 1..length-1.

    299 of 400 is the paper's own. The bounds see to it that the first still has factor 1 and the last has factor 0.
    """
    return min(max(1, math.floor(share * length + 0.5)), length - 1)


def fading_factor(number: int, length: int, share: float) -> float:
    """lambda(e) = max(0, 1 - e / last) of epoch (or step) `number` = 0, 1, ..., with last = `faded_from`."""
    return max(0.0, 1 - number / faded_from(length, share))
