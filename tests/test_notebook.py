"""One's own network in a notebook: scores and removals equal to those of the parts that a study uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import harness
from harness.criteria.base import Scoring
from harness.criteria.entropy import Entropy
from harness.criteria.similarity import Similarity
from harness.criteria.taylor import Taylor
from harness.errors import DataError, SpecError, UnknownNameError
from harness.families.base import units
from harness.families.catalogue import family_of, sublayers_named
from harness.models import create
from harness.surgery import masked, removed
from harness.tasks.base import Batch
from harness.tasks.classification import Classification


def scoring_of(net: nn.Module, batches: list[Batch], target: str = "attention") -> Scoring:
    """What a study's stage hands to a criterion, removal by `skip`."""
    return Scoring(
        net=net,
        task=Classification(),
        units=units(family_of(net).sublayers(net), target),
        batches=tuple(batches),
        without=lambda gone: removed(net, [s for unit in gone for s in unit.sublayers], "skip"),
        removal="skip",
        seed=0,
    )


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
def test_scores_are_those_of_the_criterion(tiny_net: nn.Module, batch: Batch, target: str) -> None:
    expected = Similarity().scores(scoring_of(tiny_net, [batch], target))
    assert harness.score(tiny_net, [batch.inputs], "similarity", target) == expected


def test_a_criterion_of_sets_scores_each_unit_alone(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [batch])
    of_set = Entropy().set_score(scoring)
    found = harness.score(tiny_net, [batch.inputs])
    assert found == {unit.name: of_set((unit,)) for unit in scoring.units}


def test_options_are_those_of_a_study(tiny_net: nn.Module, batch: Batch) -> None:
    found = harness.score(tiny_net, [batch.inputs], "similarity", tokens="class")
    assert found == Similarity(tokens="class").scores(scoring_of(tiny_net, [batch]))
    with pytest.raises(SpecError, match="did you mean 'tokens'"):
        harness.score(tiny_net, [batch.inputs], "similarity", token="class")
    with pytest.raises(UnknownNameError, match="did you mean 'similarity'"):
        harness.score(tiny_net, [batch.inputs], "similarty")


def test_a_criterion_may_be_given_as_made(tiny_net: nn.Module, batch: Batch) -> None:
    found = harness.score(tiny_net, [batch.inputs], Similarity(tokens="patch"))
    assert found == harness.score(tiny_net, [batch.inputs], "similarity", tokens="patch")
    with pytest.raises(SpecError, match="made already"):
        harness.score(tiny_net, [batch.inputs], Similarity(), tokens="patch")


def test_pairs_loaders_and_one_batch_alone_are_the_same(tiny_net: nn.Module, batch: Batch) -> None:
    pair = (batch.inputs, batch.targets)
    loader = DataLoader(TensorDataset(*pair), batch_size=16)
    scores = [harness.score(tiny_net, given, "taylor") for given in (pair, [pair], loader)]
    assert scores[0] == scores[1] == scores[2] == Taylor().scores(scoring_of(tiny_net, [batch]))
    assert harness.score(tiny_net, batch.inputs, "similarity") == harness.score(tiny_net, pair, "similarity")


def test_only_as_many_items_are_read_as_the_criterion_asks_for(tiny_net: nn.Module, batch: Batch) -> None:
    first = Batch(batch.inputs[:5], batch.targets[:5])
    halves = [batch.inputs[:3], batch.inputs[3:]]
    found = harness.score(tiny_net, halves, "similarity", items=5)
    assert found == pytest.approx(Similarity().scores(scoring_of(tiny_net, [first])), rel=1e-5)


def test_a_seed_belongs_to_a_random_criterion(tiny_net: nn.Module) -> None:
    first = harness.score(tiny_net, criterion="random", seed=1)
    assert first == harness.score(tiny_net, criterion="random", seed=1)
    assert first != harness.score(tiny_net, criterion="random", seed=2)


def test_the_network_is_left_as_it_was(tiny_net: nn.Module, batch: Batch) -> None:
    tiny_net.train()
    tiny_net.get_submodule("blocks.1").eval()
    modes = [module.training for module in tiny_net.modules()]
    harness.score(tiny_net, (batch.inputs, batch.targets), "taylor")
    assert [module.training for module in tiny_net.modules()] == modes


def test_targets_that_are_read_must_be_there(tiny_net: nn.Module, batch: Batch) -> None:
    with pytest.raises(DataError, match="'taylor' reads targets; give pairs"):
        harness.score(tiny_net, [batch.inputs], "taylor")
    with pytest.raises(DataError, match="'entropy' reads targets; give pairs"):
        harness.score(tiny_net, [batch.inputs], "entropy", balance="classes")


@pytest.mark.parametrize("given", [(), [], 5, ["text"], [(1, 2)], [[torch.zeros(2), torch.zeros(2), torch.zeros(2)]]])
def test_what_is_no_batch_is_told(tiny_net: nn.Module, given: Any) -> None:
    with pytest.raises(DataError, match="batches: "):
        harness.score(tiny_net, given, "similarity")


def test_inputs_and_targets_must_be_as_many(tiny_net: nn.Module, batch: Batch) -> None:
    with pytest.raises(DataError, match="16 inputs stand beside 3 targets"):
        harness.score(tiny_net, (batch.inputs, batch.targets[:3]), "taylor")


def test_wrong_words_are_told_with_the_nearest_right_one(tiny_net: nn.Module, batch: Batch) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'attention'"):
        harness.score(tiny_net, [batch.inputs], "similarity", target="atention")
    with pytest.raises(UnknownNameError, match="did you mean 'skip'"):
        harness.score(tiny_net, [batch.inputs], "similarity", removal="skp")
    with pytest.raises(SpecError, match="for attention, not for 'mlp'"):
        harness.score(tiny_net, [batch.inputs], "similarity", target="mlp", removal="identity")
    with pytest.raises(SpecError, match="'evenly' names sets"):
        harness.score(tiny_net, criterion="evenly")


def test_a_network_of_no_family_is_refused_with_the_reason(batch: Batch) -> None:
    with pytest.raises(UnknownNameError, match="no family says where"):
        harness.score(nn.Linear(2, 2), [batch.inputs], "similarity")


@pytest.mark.parametrize("removal", ["skip", "identity"])
def test_the_removed_network_is_the_masked_original(tiny_net: nn.Module, batch: Batch, removal: str) -> None:
    names = ["blocks.2.attn", "blocks.0.attn"]
    smaller = harness.remove(tiny_net, names, removal)
    with torch.no_grad(), masked(tiny_net, sublayers_named(tiny_net, names), removal):
        expected = tiny_net(batch.inputs)
    with torch.no_grad():
        assert torch.allclose(smaller(batch.inputs), expected, atol=1e-6)
    assert sum(p.numel() for p in smaller.parameters()) < sum(p.numel() for p in tiny_net.parameters())


def test_a_block_is_removed_by_its_name(tiny_net: nn.Module, batch: Batch) -> None:
    whole, parts = harness.remove(tiny_net, "blocks.1"), harness.remove(tiny_net, ["blocks.1.attn", "blocks.1.mlp"])
    with torch.no_grad():
        assert torch.equal(whole(batch.inputs), parts(batch.inputs))


def test_an_unknown_sublayer_is_told(tiny_net: nn.Module) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown sublayer 'blocks\.1\.atn'; did you mean 'blocks\.1\.attn'"):
        harness.remove(tiny_net, ["blocks.1.atn"])


def test_the_cheapest_by_score_can_be_removed_in_one_line(tiny_net: nn.Module, batch: Batch) -> None:
    scores = harness.score(tiny_net, [batch.inputs], "magnitude")
    smaller = harness.remove(tiny_net, min(scores, key=scores.__getitem__))
    assert smaller(batch.inputs).shape == (16, 10)


def test_importing_harness_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys, harness; print(sorted({'torch', 'timm', 'pandas', 'numpy', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("removal", ["skip", "identity"])
def test_what_is_gone_already_is_neither_scored_nor_removed_again(
    tiny_net: nn.Module, batch: Batch, removal: str
) -> None:
    smaller = harness.remove(tiny_net, "blocks.0.attn", removal)
    scores = harness.score(smaller, [batch.inputs], criterion="similarity")
    assert "blocks.0.attn" not in scores
    assert list(scores) == [
        name for name in harness.score(tiny_net, [batch.inputs], criterion="similarity") if name in scores
    ]
    with pytest.raises(UnknownNameError, match=r"blocks\.0\.attn"):
        harness.remove(smaller, "blocks.0.attn")


def test_a_part_that_is_gone_already_is_not_removed_again() -> None:
    net = create("smlpnet_t", {"img_size": 8, "patch_size": 2, "dim": 8, "depths": [1, 1]}, {"num_classes": 3})
    name = "stages.0.blocks.0.token_mixer.smlp"
    with pytest.raises(UnknownNameError, match="smlp"):
        harness.remove(harness.remove(net, name), name)
