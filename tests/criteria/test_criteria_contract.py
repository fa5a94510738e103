"""What every registered criterion owes, under every search that it names and for every target that it takes."""

from __future__ import annotations

import math

import pytest
import torch
from scorings import scoring_of, split
from torch import nn

from harness.criteria.base import Criterion, ListCriterion, SetCriterion, UnitCriterion, criteria
from harness.schema import Options
from harness.searches.base import Selection, searches
from harness.tasks.base import Batch

KINDS = (UnitCriterion, SetCriterion, ListCriterion)
TARGETS = ("attention", "mlp", "block", "joint")
BLOCKS_ONLY = {"consecutive"}  # searches that know whole blocks only
CASES = [
    (name, search, target)
    for name, criterion in criteria.members().items()
    for search in criterion.searches
    for target in (("block",) if search in BLOCKS_ONLY else criterion.targets or TARGETS)
]
SCORED = [case for case in CASES if not issubclass(criteria.get(case[0]), ListCriterion)]


def needed(name: str, target: str) -> Options:
    """The options that a criterion cannot do without."""
    if name != "fixed":
        return {}
    listed: Options = {"units": ["blocks.0.attn", "blocks.2.attn"]} if target == "joint" else {target: [0, 2]}
    return {"ordered": True, **listed}


def select(net: nn.Module, batch: Batch, name: str, search: str, target: str) -> Selection:
    criterion: Criterion = criteria.create({"name": name, **needed(name, target)})
    batches = split(batch, 8) if criterion.needs_calibration else []
    return searches.create({"name": search}).select(criterion, scoring_of(net, batches, target))


@pytest.fixture(scope="module")
def kept() -> dict[tuple[str, str, str], Selection]:
    """The selections that were made, for all who only look at them."""
    return {}


@pytest.fixture
def found(
    kept: dict[tuple[str, str, str], Selection], tiny_net: nn.Module, batch: Batch, name: str, search: str, target: str
) -> Selection:
    """What a case selects, once for all tests: the network and the batch are the same in each."""
    case = name, search, target
    if case not in kept:
        kept[case] = select(tiny_net, batch, *case)
    return kept[case]


@pytest.mark.parametrize("name", criteria.members())
def test_a_criterion_scores_units_or_sets_and_says_what_it_is(name: str) -> None:
    member = criteria.get(name)
    assert sum(issubclass(member, kind) for kind in KINDS) == 1
    assert member.summary()
    assert set(member.searches) <= set(searches.members())


@pytest.mark.parametrize(("name", "search", "target"), SCORED)
def test_every_unit_gets_a_finite_score(tiny_net: nn.Module, found: Selection, search: str, target: str) -> None:
    if not found.info.scores and not searches.get(search).is_nested:
        pytest.skip("this search scores whole sets and no unit by itself")
    assert list(found.info.scores) == [unit.name for unit in scoring_of(tiny_net, [], target).units]
    assert all(math.isfinite(score) for score in found.info.scores.values())


@pytest.mark.parametrize(("name", "search", "target"), CASES)
def test_a_set_has_the_size_of_its_count(tiny_net: nn.Module, found: Selection, target: str) -> None:
    known = {unit.name for unit in scoring_of(tiny_net, [], target).units}
    assert {1, 2} <= set(found.sets)
    assert all(len(set(names) & known) == len(names) == count for count, names in found.sets.items())


@pytest.mark.parametrize(("name", "search", "target"), CASES)
def test_nested_sets_are_the_beginnings_of_the_order(found: Selection, search: str) -> None:
    order = found.info.order
    assert found.info.nested == (order is not None)
    assert found.info.nested or not searches.get(search).is_nested
    assert order is None or found.sets == {count: order[:count] for count in found.sets}


@pytest.mark.parametrize(("name", "search", "target"), CASES)
def test_a_selection_can_be_made_again(
    tiny_net: nn.Module, batch: Batch, found: Selection, name: str, search: str, target: str
) -> None:
    assert select(tiny_net, batch, name, search, target) == found
    assert Selection.model_validate_json(found.model_dump_json()) == found


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
