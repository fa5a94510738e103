"""Random numbers of one's own from libraries that draw from the global states."""

from __future__ import annotations

import random

import numpy as np
import torch

from harness.datasets.chance import derived, seeded


def drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_the_same_seed_draws_the_same_whatever_was_before() -> None:
    found = []
    for start in (1, 2):
        random.seed(start)
        np.random.seed(start)
        torch.manual_seed(start)
        with seeded(5):
            found.append(drawn())
    assert found[0] == found[1]


def test_the_callers_states_are_left() -> None:
    with seeded(3):
        expected = drawn()
        with seeded(4):
            drawn()
        after = drawn()
    with seeded(3):
        assert (expected, after) == (drawn(), drawn())


def test_seeds_differ_by_what_they_are_for() -> None:
    assert len({derived(0, 1), derived(1, 0), derived(0, "1"), derived(0, 2)}) == 4
