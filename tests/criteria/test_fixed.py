"""Somebody's list as it stands, and what is wrong with lists."""

from __future__ import annotations

from typing import Any

import pytest
from scorings import scoring_of
from torch import nn

from harness.criteria.base import criteria
from harness.criteria.fixed import Fixed
from harness.errors import SpecError
from harness.families.base import Unit
from harness.families.catalogue import family_of
from harness.searches.given import Given


def fixed(**options: Any) -> Fixed:
    return Fixed.model_validate(options)


def both(net: nn.Module) -> tuple[Unit, ...]:
    """Attention and MLP in one list."""
    return tuple(Unit(s.name, s.kind, s.depth, (s,)) for s in family_of(net).sublayers(net))


def test_an_unordered_list_is_one_set_of_its_own_count(tiny_net: nn.Module) -> None:
    criterion = fixed(attention=[2, 0])
    found = Given().select(criterion, scoring_of(tiny_net, []))
    assert criterion.own_counts == (2,)
    assert found.sets == {2: ("blocks.0.attn", "blocks.2.attn")}
    assert not found.info.nested


def test_an_ordered_list_gives_all_its_beginnings(tiny_net: nn.Module) -> None:
    criterion = fixed(attention=[2, 0], ordered=True)
    found = Given().select(criterion, scoring_of(tiny_net, []))
    assert criterion.own_counts == (1, 2)
    assert found.sets == {1: ("blocks.2.attn",), 2: ("blocks.2.attn", "blocks.0.attn")}
    assert found.info.nested
    assert found.info.order == ("blocks.2.attn", "blocks.0.attn")


@pytest.mark.parametrize(("target", "name"), [("mlp", "blocks.1.mlp"), ("block", "blocks.1")])
def test_mlps_and_blocks_are_listed_by_their_own_word(tiny_net: nn.Module, target: str, name: str) -> None:
    assert Given().select(fixed(**{target: 1}), scoring_of(tiny_net, [], target)).sets == {1: (name,)}


def test_lists_of_attention_and_mlp_are_one_set_where_both_are_removed(tiny_net: nn.Module) -> None:
    assert fixed(attention=[2], mlp=[0]).faults(both(tiny_net)) == ()
    assert fixed(attention=[2], mlp=[0]).own_counts == (2,)


def test_units_are_listed_by_name_and_may_mix_kinds_in_order(tiny_net: nn.Module) -> None:
    criterion = fixed(units=["blocks.1.mlp", "blocks.0.attn"], ordered=True)
    assert criterion.faults(both(tiny_net)) == ()
    assert criterion.own_counts == (1, 2)


@pytest.mark.parametrize(
    ("options", "target", "words"),
    [
        ({"attention": [3]}, "attention", "there is no attention at depth 3; depths are 0 to 2"),
        ({"attention": [1]}, "mlp", "lists attention, which the target does not remove; it removes mlp"),
        ({"attention": [1], "mlp": [1]}, "attention", "lists mlp, which the target does not remove"),
        ({"attention": [1]}, "block", "lists attention, which the target does not remove; it removes block"),
        ({"units": ["blocks.7.attn"]}, "attention", "blocks.7.attn is no unit of the target"),
        ({"attention": [1], "units": ["blocks.1.attn"]}, "attention", "blocks.1.attn stands in two lists"),
    ],
)
def test_a_list_that_does_not_fit_the_units_is_told(
    tiny_net: nn.Module, options: dict[str, Any], target: str, words: str
) -> None:
    scoring = scoring_of(tiny_net, [], target)
    assert any(words in fault for fault in fixed(**options).faults(scoring.units))
    with pytest.raises(SpecError, match=words):
        Given().select(fixed(**options), scoring)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs a list"),
        ({"attention": [1, 1]}, "holds 1 twice"),
        ({"attention": [-1]}, "greater than or equal to 0"),
        ({"attention": ["1"]}, "valid integer"),
        ({"block": [1], "mlp": [1]}, "stands alone"),
        ({"attention": [1], "mlp": [1], "ordered": True}, "no order between them"),
        ({"atention": [1]}, "did you mean 'attention'"),
    ],
)
def test_a_list_that_is_none_is_told_before_anything_runs(options: dict[str, Any], words: str) -> None:
    (problem,) = criteria.problems({"name": "fixed", **options}, "criteria.0")
    assert words in str(problem)
    assert str(problem).startswith("criteria.0")


def test_one_depth_may_be_written_without_a_list() -> None:
    assert fixed(attention=3).attention == (3,)
