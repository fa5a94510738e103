"""Learning rate and fading factor, against the papers' values and plain arithmetic."""

from __future__ import annotations

import math

import pytest
from trainings import OPTIONS

from harness.recipes import TrainOptions
from harness.training.schedules import faded_from, fading_factor, learning_rate

PAPER = 299 / 400


# Twenty steps, of which four rise; a cosine over the sixteen others.
@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.2), (1, 0.4), (3, 0.8), (4, 1.0), (8, 0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2), (12, 0.55), (20, 0.1)],
)
def test_the_rate_rises_in_a_line_and_falls_in_a_cosine(step: int, expected: float) -> None:
    options = TrainOptions(steps=20, lr=1.0, min_lr=0.1, warmup=0.2)
    assert learning_rate(step, 20, options) == pytest.approx(expected)


def test_without_warmup_the_first_step_has_the_full_rate() -> None:
    assert learning_rate(0, 10, TrainOptions(steps=10, lr=0.3, warmup=0.0)) == 0.3


def test_no_step_has_a_rate_of_zero() -> None:
    for steps in (1, 2, 7, 100):
        assert all(learning_rate(step, steps, OPTIONS) > 0 for step in range(steps))


# systems/lambda_vit.md, section 2, with 400 epochs.
@pytest.mark.parametrize(("epoch", "factor"), [(0, 1.0), (149, 0.50167), (298, 0.00334), (299, 0.0), (399, 0.0)])
def test_fact_6_the_factor_over_400_epochs_is_the_papers(epoch: int, factor: float) -> None:
    assert fading_factor(epoch, 400, PAPER) == pytest.approx(factor, abs=5e-6)
    assert fading_factor(epoch, 400, PAPER) == max(0.0, 1 - epoch / 299)


@pytest.mark.parametrize("epochs", [2, 3, 5, 10, 16, 37, 300, 400])
def test_fact_6_the_factor_never_rises_and_goes_from_1_to_0(epochs: int) -> None:
    factors = [fading_factor(epoch, epochs, PAPER) for epoch in range(epochs)]
    assert (factors[0], factors[-1]) == (1.0, 0.0)
    assert factors == sorted(factors, reverse=True)


@pytest.mark.parametrize(
    ("length", "share", "first"),
    [
        (400, PAPER, 299),
        (10, PAPER, 7),
        (4, PAPER, 3),
        (3, PAPER, 2),
        (2, PAPER, 1),
        (8, 0.5, 4),
        (5, 1.0, 4),
        (9, 0.01, 1),
    ],
)
def test_the_first_epoch_at_0_is_the_share_rounded_within_bounds(length: int, share: float, first: int) -> None:
    assert faded_from(length, share) == first
