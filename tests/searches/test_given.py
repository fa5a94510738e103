"""Sets taken as they are, and refused where they are no sets of units."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from torch import nn

from harness.criteria.base import ListCriterion, Scoring
from harness.criteria.last import Last
from harness.errors import SpecError
from harness.families.base import units
from harness.families.catalogue import family_of
from harness.searches.given import Given
from harness.surgery import removed
from harness.tasks.classification import Classification


def scoring_of(net: nn.Module) -> Scoring:
    """The attentions of a network, without items."""
    return Scoring(
        net=net,
        task=Classification(),
        units=units(family_of(net).sublayers(net), "attention"),
        batches=(),
        without=lambda gone: removed(net, [s for unit in gone for s in unit.sublayers], "skip"),
        removal="skip",
        seed=0,
    )


class Listed(ListCriterion):
    """Sets that a test gives."""

    name = "listed"
    given: dict[int, tuple[str, ...]]

    def sets(self, scoring: Scoring) -> Mapping[int, tuple[str, ...]]:
        return self.given


A, B, C = "blocks.0.attn", "blocks.1.attn", "blocks.2.attn"


@pytest.mark.parametrize(
    ("sets", "is_nested"),
    [
        ({1: (B,), 2: (B, A)}, True),
        ({1: (B,), 2: (A, B)}, False),
        ({2: (A, B)}, False),
        ({1: (A,), 2: (B, C)}, False),
        ({1: (A,)}, True),
        ({}, False),
    ],
)
def test_sets_are_nested_where_they_begin_one_list(
    tiny_net: nn.Module, sets: dict[int, tuple[str, ...]], is_nested: bool
) -> None:
    found = Given().select(Listed(given=sets), scoring_of(tiny_net))
    assert found.sets == sets
    assert found.info.nested == is_nested
    assert found.info.order == (sets[max(sets)] if is_nested else None)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ({1: ("blocks.9.attn",)}, "'blocks.9.attn' in its set of 1 is no unit"),
        ({2: (A,)}, "its set of 2 holds 1 different units"),
        ({2: (A, A)}, "its set of 2 holds 1 different units"),
    ],
)
def test_what_is_no_set_of_units_is_told(tiny_net: nn.Module, sets: dict[int, tuple[str, ...]], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        Given().select(Listed(given=sets), scoring_of(tiny_net))


def test_a_criterion_that_scores_is_refused(tiny_net: nn.Module) -> None:
    with pytest.raises(SpecError, match="'last' names no sets"):
        Given().select(Last(), scoring_of(tiny_net))
