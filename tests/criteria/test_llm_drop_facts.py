"""What LLM-Drop's selection must satisfy: facts 1, 2, 5 and 6 of what is published about it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scorings import scoring_of, split
from torch import nn

from harness.criteria.similarity import Similarity
from harness.searches.one_shot import OneShot
from harness.tasks.base import Batch


def zeroed(net: nn.Module, path: str) -> None:
    """Weight and bias of an attention's output projection are zero from now on."""
    projection: Any = net.get_submodule(f"{path}.proj")
    nn.init.zeros_(projection.weight)
    nn.init.zeros_(projection.bias)


@pytest.mark.parametrize("target", ["attention", "mlp", "block", "joint"])
@pytest.mark.parametrize("seed", range(5))
def test_fact_1_scores_lie_between_zero_and_two(tiny_net: nn.Module, batch: Batch, target: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in tiny_net.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    scores = Similarity().scores(scoring_of(tiny_net, [batch], target)).values()
    assert min(scores) >= 0
    assert max(scores) <= 2


def test_fact_1_a_branch_that_gives_zero_scores_zero(tiny_net: nn.Module, batch: Batch) -> None:
    zeroed(tiny_net, "blocks.1.attn")
    assert Similarity().scores(scoring_of(tiny_net, [batch]))["blocks.1.attn"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("c", [0.01, 7.0])
def test_fact_1_scaling_what_leaves_a_unit_leaves_its_score(tiny_net: nn.Module, batch: Batch, c: float) -> None:
    scoring = scoring_of(tiny_net, [batch], "block")
    before = Similarity().scores(scoring)["blocks.2"]
    tiny_net.get_submodule("blocks.2").register_forward_hook(lambda _, __, output: c * output)
    assert Similarity().scores(scoring)["blocks.2"] == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize("depth", range(3))
def test_fact_2_dropping_an_attention_is_zeroing_its_output_projection(
    tiny_net: nn.Module, batch: Batch, depth: int
) -> None:
    scoring = scoring_of(tiny_net, [batch])
    with torch.inference_mode():
        with scoring.without(scoring.units[depth : depth + 1]):
            dropped = tiny_net(batch.inputs)
        zeroed(tiny_net, f"blocks.{depth}.attn")
        assert torch.allclose(tiny_net(batch.inputs), dropped, atol=1e-6)


def test_fact_2_dropping_the_norm_too_changes_nothing(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [batch])
    zeroed(tiny_net, "blocks.1.attn")
    with torch.inference_mode():
        kept = tiny_net(batch.inputs)
        tiny_net.get_submodule("blocks.1").norm1 = nn.Identity()
        assert torch.equal(tiny_net(batch.inputs), kept)
    assert "norm1" in scoring.units[1].sublayers[0].modules  # and so it goes with the attention


def test_fact_5_joint_is_attention_drop_while_attentions_score_below_every_mlp(
    tiny_net: nn.Module, batch: Batch
) -> None:
    for depth in range(3):
        for parameter in tiny_net.get_submodule(f"blocks.{depth}.mlp.fc2").parameters():
            parameter.data.mul_(30)
    joint, attention, mlp = (
        OneShot().select(Similarity(), scoring_of(tiny_net, [batch], target))
        for target in ("joint", "attention", "mlp")
    )
    lowest = min(mlp.info.scores.values())
    below = sum(score < lowest for score in attention.info.scores.values())
    assert below == 3
    assert all(joint.sets[count] == attention.sets[count] for count in (1, 2))
    assert joint.sets[3] == attention.info.order


@pytest.mark.parametrize("target", ["attention", "block", "joint"])
@pytest.mark.parametrize("size", [1, 5])
def test_fact_6_scores_do_not_depend_on_the_size_of_batches(
    tiny_net: nn.Module, batch: Batch, target: str, size: int
) -> None:
    whole, parts = (scoring_of(tiny_net, batches, target) for batches in ([batch], split(batch, size)))
    assert Similarity().scores(parts) == pytest.approx(dict(Similarity().scores(whole)), abs=1e-6)


def test_fact_6_scores_do_not_depend_on_the_order_of_items(tiny_net: nn.Module, batch: Batch) -> None:
    order = torch.randperm(16, generator=torch.Generator().manual_seed(3))
    turned = Batch(batch.inputs[order], batch.targets[order])
    first, second = (Similarity().scores(scoring_of(tiny_net, [items], "joint")) for items in (batch, turned))
    assert first == pytest.approx(dict(second), abs=1e-6)


def test_fact_6_one_shot_scores_are_the_same_for_every_count(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [batch], "joint")
    found = OneShot().select(Similarity(), scoring)
    assert found.info.scores == Similarity().scores(scoring)
    assert all(names == (found.info.order or ())[:count] for count, names in found.sets.items())
