"""What LLM-Drop's selection must satisfy on decoders: facts 1, 5 and 6 of what is published about it."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from decoders import DECODERS, decoder
from stretches_scored import stretches, text_scoring, together
from torch import nn

from harness.criteria.similarity import Similarity
from harness.searches.one_shot import OneShot

ITEMS = stretches()
FAMILIES = ("llama", "gemma2", "phi", "gpt2", "opt", "bloom", "falcon")


@pytest.mark.parametrize("name", DECODERS)
def test_fact_1_scores_lie_between_zero_and_two(name: str) -> None:
    scores = Similarity().scores(text_scoring(decoder(name), [together(ITEMS)], "joint")).values()
    assert len(scores) >= 4
    assert min(scores) >= 0
    assert max(scores) <= 2


@pytest.mark.parametrize("name", FAMILIES)
def test_fact_1_a_branch_that_gives_zero_scores_zero(name: str) -> None:
    net = decoder(name)
    scoring = text_scoring(net, [together(ITEMS)], "joint")
    before = Similarity().scores(scoring)
    unit = scoring.units[2]
    tap = net.get_submodule(unit.sublayers[0].tap)
    tap.register_forward_hook(lambda _, __, output: torch.zeros_like(output))
    assert before[unit.name] > 1e-4
    assert Similarity().scores(scoring)[unit.name] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("c", [0.01, 7.0])
def test_fact_1_scaling_what_leaves_a_unit_leaves_its_score(c: float) -> None:
    net = decoder("llama")
    scoring = text_scoring(net, [together(ITEMS)], "block")
    before = Similarity().scores(scoring)
    net.get_submodule("model.layers.2").register_forward_hook(lambda _, __, output: c * output)
    assert Similarity().scores(scoring)["model.layers.2"] == pytest.approx(before["model.layers.2"], abs=1e-6)


def test_fact_5_joint_is_attention_drop_while_attentions_score_below_every_mlp() -> None:
    net = decoder("llama")
    with torch.no_grad():
        for depth in range(4):
            net.get_submodule(f"model.layers.{depth}.mlp.down_proj").weight.mul_(30)  # type: ignore[operator]
    joint, attention, mlp = (
        OneShot().select(Similarity(), text_scoring(net, [together(ITEMS)], target))
        for target in ("joint", "attention", "mlp")
    )
    below = sum(score < min(mlp.info.scores.values()) for score in attention.info.scores.values())
    assert below >= 2
    assert all(set(joint.sets[count]) == set(attention.sets[count]) for count in range(1, below + 1))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("target", ["block", "joint"])
def test_fact_6_scores_depend_on_neither_batch_size_nor_order_nor_padding(name: str, target: str) -> None:
    net = decoder(name)
    ways = (
        [together([one]) for one in ITEMS],
        [together(ITEMS)],
        [together(ITEMS[::-1], filler=3, more=2)],
        [together(ITEMS[2:]), together(ITEMS[:2])],
    )
    found = [Similarity().scores(text_scoring(net, batches, target)) for batches in ways]
    assert all(one == pytest.approx(dict(other), abs=1e-6) for one, other in combinations(found, 2))


def test_fact_6_one_shot_scores_are_the_same_for_every_count() -> None:
    scoring = text_scoring(decoder("llama"), [together(ITEMS)], "joint")
    found = OneShot().select(Similarity(), scoring)
    assert found.info.scores == Similarity().scores(scoring)
    assert all(names == (found.info.order or ())[:count] for count, names in found.sets.items())


def test_scores_are_of_float32_streams() -> None:
    net: nn.Module = decoder("llama")
    scoring = text_scoring(net, [together(ITEMS)], "joint")
    plain = Similarity().scores(scoring)
    net.to(torch.bfloat16)
    assert Similarity().scores(scoring) == pytest.approx(dict(plain), rel=0.2, abs=2e-3)
