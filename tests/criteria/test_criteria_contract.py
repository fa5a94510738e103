"""What every registered criterion owes, under every search that it names and for every target that it takes."""

from __future__ import annotations

import math

import pytest
import torch
from scorings import scoring_of, split
from torch import nn

from harness.criteria.base import Criterion, SetCriterion, UnitCriterion, criteria
from harness.searches.base import Selection, searches
from harness.tasks.base import Batch

CASES = [
    pytest.param(name, search, target, id=f"{name}-{search}-{target}")
    for name, criterion in criteria.members().items()
    for search in criterion.searches
    for target in criterion.targets
]


def select(net: nn.Module, batch: Batch, name: str, search: str, target: str) -> Selection:
    criterion: Criterion = criteria.create({"name": name})
    batches = split(batch, 8) if criterion.needs_calibration else []
    return searches.create({"name": search}).select(criterion, scoring_of(net, batches, target))


@pytest.mark.parametrize("name", criteria.members())
def test_a_criterion_scores_units_or_sets_and_says_what_it_is(name: str) -> None:
    member = criteria.get(name)
    assert issubclass(member, UnitCriterion) != issubclass(member, SetCriterion)
    assert member.summary()
    assert set(member.searches) <= set(searches.members())


@pytest.mark.parametrize(("name", "search", "target"), CASES)
def test_every_unit_gets_a_finite_score(tiny_net: nn.Module, batch: Batch, name: str, search: str, target: str) -> None:
    found = select(tiny_net, batch, name, search, target)
    assert list(found.info.scores) == [unit.name for unit in scoring_of(tiny_net, [], target).units]
    assert all(math.isfinite(score) for score in found.info.scores.values())


@pytest.mark.parametrize(("name", "search", "target"), CASES)
def test_sets_are_the_beginnings_of_the_order(
    tiny_net: nn.Module, batch: Batch, name: str, search: str, target: str
) -> None:
    found = select(tiny_net, batch, name, search, target)
    assert found.info.order is not None
    assert sorted(found.info.order) == sorted(found.info.scores)
    assert found.sets == {count: found.info.order[:count] for count in (1, 2)}
    assert found.info.nested


@pytest.mark.parametrize(("name", "search", "target"), CASES)
def test_a_selection_can_be_made_again(tiny_net: nn.Module, batch: Batch, name: str, search: str, target: str) -> None:
    first = select(tiny_net, batch, name, search, target)
    assert select(tiny_net, batch, name, search, target) == first
    assert Selection.model_validate_json(first.model_dump_json()) == first


@pytest.mark.parametrize(("name", "search", "target"), CASES)
def test_the_network_is_left_as_it_was(tiny_net: nn.Module, batch: Batch, name: str, search: str, target: str) -> None:
    before = {key: value.clone() for key, value in tiny_net.state_dict().items()}
    with torch.inference_mode():
        output = tiny_net(batch.inputs)
    select(tiny_net, batch, name, search, target)
    after = tiny_net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not any(
        module.training or module._forward_hooks or module._forward_pre_hooks for module in tiny_net.modules()
    )
    with torch.inference_mode():
        assert torch.equal(tiny_net(batch.inputs), output)
