"""Cosines of the final feature against numpy on a hand-written forward pass."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scorings import head_input, named, scoring_of, split
from torch import nn

from harness.criteria.final_similarity import FinalSimilarity
from harness.errors import SpecError
from harness.tasks.base import Batch


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
@pytest.mark.parametrize("size", [16, 5])
def test_every_set_has_the_score_that_numpy_finds(tiny_net: nn.Module, batch: Batch, target: str, size: int) -> None:
    scoring = scoring_of(tiny_net, split(batch, size), target)
    score = FinalSimilarity().set_score(scoring)
    whole = head_input(tiny_net, batch.inputs)
    for count in (1, 2):
        for chosen in itertools.combinations(scoring.units, count):
            left = head_input(tiny_net, batch.inputs, {s.name for unit in chosen for s in unit.sublayers})
            cosines = (whole * left).sum(-1) / (np.linalg.norm(whole, axis=-1) * np.linalg.norm(left, axis=-1))
            assert score(chosen) == pytest.approx(float(1 - cosines.mean()), abs=1e-6)


def test_nothing_removed_scores_zero(tiny_net: nn.Module, batch: Batch) -> None:
    assert FinalSimilarity().set_score(scoring_of(tiny_net, [batch]))(()) == pytest.approx(0, abs=1e-6)


def test_the_order_of_a_set_does_not_matter(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [batch])
    score = FinalSimilarity().set_score(scoring)
    assert score(named(scoring, 2, 0)) == score(named(scoring, 0, 2))


def test_a_feature_that_is_not_finite_is_an_error_that_names_the_set(tiny_net: nn.Module, batch: Batch) -> None:
    tiny_net.get_submodule("blocks.1.mlp.fc2").bias.data.fill_(float("nan"))  # type: ignore[operator]
    scoring = scoring_of(tiny_net, [batch])
    with pytest.raises(ArithmeticError, match=r"the score is nan, not a finite number, with blocks\.0\.attn removed"):
        FinalSimilarity().set_score(scoring)(named(scoring, 0))


def test_a_network_that_hides_its_head_input_is_the_users_to_fix(tiny_net: nn.Module, batch: Batch) -> None:
    bare = replace(scoring_of(tiny_net, [batch]), net=nn.Linear(2, 2))
    with pytest.raises(SpecError, match=r"criteria\.final_similarity: Linear doesn't show what its head reads"):
        FinalSimilarity().set_score(bare)


def test_items_is_how_much_of_the_calibration_part_is_read() -> None:
    assert (FinalSimilarity().calibration_items, FinalSimilarity(items=64).calibration_items) == (None, 64)
