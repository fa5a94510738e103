"""Criteria on decoders: against their formulas, and the same whatever batches, order and padding there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from decoders import decoder
from stretches_scored import TASK, stretches, text_scoring, together
from torch import Tensor, nn

import harness
from harness.criteria.base import Criterion, ListCriterion, Scoring, SetCriterion, UnitCriterion, criteria
from harness.criteria.calibration_loss import CalibrationLoss
from harness.criteria.entropy import Entropy
from harness.criteria.labels import labels_of
from harness.criteria.magnitude import Magnitude
from harness.criteria.similarity import Similarity
from harness.criteria.taylor import Taylor
from harness.errors import SpecError
from harness.schema import Options
from harness.searches.base import Selection, searches
from harness.searches.set_scores import Means, scores_of, walker_of
from harness.tasks.texts import UNSCORED

ITEMS = stretches()
OPTIONS: dict[str, Options] = {"similarity without residual": {"name": "similarity", "residual": False}}
NAMES = [
    name
    for name, member in criteria.members().items()
    if not issubclass(member, ListCriterion) and not criteria.create({"name": name}).task_fault(TASK.name)
]
CASES = [
    (name, search, "block" if search == "consecutive" else "attention")
    for name in NAMES
    for search in criteria.get(name).searches
] + [("similarity without residual", "one_shot", target) for target in ("mlp", "block", "joint")]


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return decoder("llama")


def criterion_of(name: str) -> Criterion:
    return criteria.create(OPTIONS.get(name, {"name": name}))


def select(scoring: Scoring, name: str, search: str) -> Selection:
    return searches.create({"name": search}).select(criterion_of(name), scoring)


@pytest.mark.parametrize(("name", "search", "target"), CASES)
def test_a_selection_does_not_depend_on_batches_order_or_padding(
    net: nn.Module, name: str, search: str, target: str
) -> None:
    ways = [
        [together([one]) for one in ITEMS],  # nothing is padded
        [together(ITEMS)],
        [together(ITEMS[3:], filler=7, more=4), together(ITEMS[:3], filler=3)],
    ]
    first, *others = (select(text_scoring(net, batches, target), name, search) for batches in ways)
    for other in others:
        assert other.info.scores == pytest.approx(first.info.scores, rel=1e-4, abs=1e-6)
        assert other.sets == first.sets


def by_hand(net: nn.Module, ids: Tensor) -> list[tuple[str, Tensor, Tensor]]:
    """`(sublayer, x, y)` of a Llama by its defining equations, (tokens, width) each."""
    model: Any = net.model
    found = []
    with torch.no_grad():
        x = model.embed_tokens(ids[None])
        positions = model.rotary_emb(x, torch.arange(len(ids))[None])
        for depth, layer in enumerate(model.layers):
            attended, _ = layer.self_attn(layer.input_layernorm(x), position_embeddings=positions, attention_mask=None)
            found.append((f"model.layers.{depth}.self_attn", x[0], (x + attended)[0]))
            x = x + attended
            y = x + layer.mlp(layer.post_attention_layernorm(x))
            found.append((f"model.layers.{depth}.mlp", x[0], y[0]))
            x = y
    return found


def over_tokens(net: nn.Module, measure: Callable[[Tensor, Tensor], Tensor]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for ids, _ in ITEMS:
        for name, x, y in by_hand(net, ids):
            values.setdefault(name, []).extend(measure(x.double(), y.double()).tolist())
    return {name: float(np.mean(found)) for name, found in values.items()}


def test_similarity_is_one_minus_the_mean_cosine_over_real_tokens(net: nn.Module) -> None:
    expected = over_tokens(net, lambda x, y: 1 - (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1)))
    assert Similarity().scores(text_scoring(net, [together(ITEMS)], "joint")) == pytest.approx(expected, abs=1e-5)


def test_without_the_residual_the_branch_stands_alone(net: nn.Module) -> None:
    expected = over_tokens(net, lambda x, y: 1 - (x * (y - x)).sum(-1) / (x.norm(dim=-1) * (y - x).norm(dim=-1)))
    found = Similarity(residual=False).scores(text_scoring(net, [together(ITEMS)], "joint"))
    assert found == pytest.approx(expected, abs=1e-5)


def test_magnitude_is_the_mean_norm_of_what_is_added_over_real_tokens(net: nn.Module) -> None:
    expected = over_tokens(net, lambda x, y: (y - x).norm(dim=-1))
    assert Magnitude().scores(text_scoring(net, [together(ITEMS)], "joint")) == pytest.approx(expected, rel=1e-4)


def test_runs_of_blocks_are_scored_from_the_first_to_the_last(net: nn.Module) -> None:
    found = Similarity().span_scores(text_scoring(net, [together(ITEMS)], "block"))
    cosines = []
    for ids, _ in ITEMS:
        streams = {name: (x, y) for name, x, y in by_hand(net, ids)}
        x, y = streams["model.layers.1.self_attn"][0], streams["model.layers.2.mlp"][1]
        cosines += torch.nn.functional.cosine_similarity(x.double(), y.double(), dim=-1).tolist()
    assert found["model.layers.1", "model.layers.2"] == pytest.approx(1 - np.mean(cosines), abs=1e-5)


def test_entropy_is_of_what_the_head_reads_of_every_real_token(net: nn.Module) -> None:
    scoring = text_scoring(net, [together(ITEMS)])
    score = Entropy(signed=True).set_score(scoring)
    gone = scoring.units[2]

    def entropy(is_whole: bool) -> float:
        features = []
        for ids, _ in ITEMS:
            stream = by_hand_last(net, ids, None if is_whole else gone.name)
            features.append(normed(net, stream).double().numpy())
        sigma = np.concatenate(features).std(axis=0)
        return float(np.log(np.maximum(sigma, 1e-6)).sum())

    assert score((gone,)) == pytest.approx(entropy(True) - entropy(False), abs=1e-3)


def by_hand_last(net: nn.Module, ids: Tensor, without: str | None) -> Tensor:
    """The stream after the last block, (tokens, width), one sublayer being skipped."""
    model: Any = net.model
    with torch.no_grad():
        x = model.embed_tokens(ids[None])
        positions = model.rotary_emb(x, torch.arange(len(ids))[None])
        for depth, layer in enumerate(model.layers):
            attend = layer.self_attn
            if without != f"model.layers.{depth}.self_attn":
                x = x + attend(layer.input_layernorm(x), position_embeddings=positions, attention_mask=None)[0]
            if without != f"model.layers.{depth}.mlp":
                x = x + layer.mlp(layer.post_attention_layernorm(x))
    last: Tensor = x[0]
    return last


def normed(net: nn.Module, stream: Tensor) -> Tensor:
    """What the head reads of the last stream."""
    with torch.no_grad():
        found: Tensor = net.get_submodule("model.norm")(stream)
    return found


def loss_without(net: nn.Module, without: str | None) -> list[list[float]]:
    """For each item the losses of its scored tokens, one by one, in nats."""
    found = []
    for ids, told in ITEMS:
        with torch.no_grad():
            logits = net.get_submodule("lm_head")(normed(net, by_hand_last(net, ids, without))).double()
        logs = logits.log_softmax(-1)
        found.append([-float(logs[at, token]) for at, token in enumerate(told.tolist()) if token != UNSCORED])
    return found


def test_calibration_loss_is_the_mean_over_scored_tokens(net: nn.Module) -> None:
    scoring = text_scoring(net, [together(ITEMS[:2]), together(ITEMS[2:])])
    sets = [(unit,) for unit in scoring.units]
    found = scores_of(CalibrationLoss(), scoring, sets)
    for unit in scoring.units:
        losses = [loss for own in loss_without(net, unit.name) for loss in own]
        assert found[unit.name,] == pytest.approx(np.mean(losses), rel=1e-5)


def test_taylor_is_the_derivative_of_each_items_own_mean_loss(net: nn.Module) -> None:
    scoring = text_scoring(net, [together(ITEMS)])
    found = Taylor().scores(scoring)
    unit = scoring.units[1]
    step = 1e-2
    slopes = []
    for one in ITEMS:
        losses = []
        for gate in (1 + step, 1 - step):
            hook = net.get_submodule(unit.sublayers[0].tap).register_forward_hook(lambda _, __, out, g=gate: g * out)
            with torch.no_grad():
                losses.append(float(TASK.loss(TASK.forward(net, together([one])), together([one]))))
            hook.remove()
        slopes.append(abs(losses[0] - losses[1]) / (2 * step))
    assert found[unit.name] == pytest.approx(np.mean(slopes), rel=0.02)


@pytest.mark.parametrize("name", ["calibration_loss", "entropy"])
def test_sets_share_their_prefixes_and_score_as_if_each_were_run_alone(net: nn.Module, name: str) -> None:
    criterion = criteria.create({"name": name})
    assert isinstance(criterion, SetCriterion)
    scoring = text_scoring(net, [together(ITEMS[:1]), together(ITEMS[1:])])  # of two lengths, one of them padded
    assert walker_of(criterion, scoring, Means()).why_alone == ""
    sets = [*((unit,) for unit in scoring.units), scoring.units[:2], (scoring.units[0], scoring.units[3])]
    alone = criterion.set_score(scoring)
    assert scores_of(criterion, scoring, sets) == {tuple(unit.name for unit in one): alone(one) for one in sets}


def test_a_text_has_no_labels_of_its_own(net: nn.Module) -> None:
    with pytest.raises(SpecError, match="needs a label, a whole number, for every calibration item"):
        labels_of([together(ITEMS)], "criteria.any")
    faults = {
        name: criteria.create({"name": name}).task_fault(TASK.name) for name in criteria.members() if name != "fixed"
    }
    assert {name for name, fault in faults.items() if fault} == {"calibration_accuracy"}
    assert "balance" in Entropy(balance="classes").task_fault(TASK.name)


def test_used_tokens_are_no_places_where_items_differ_in_length(net: nn.Module) -> None:
    scoring = text_scoring(net, [together(ITEMS[:1]), together(ITEMS[1:2])])
    with pytest.raises(SpecError, match="items differ in length, so places mean nothing; 'all' would do"):
        Similarity(tokens="used").scores(scoring)


def test_ones_own_decoder_is_scored_on_token_ids(net: nn.Module) -> None:
    items = stretches((12, 12, 12))
    ids = torch.stack([one for one, _ in items])
    targets = torch.stack([told for _, told in items])
    scoring = text_scoring(net, [together(items)])
    for name in ("similarity", "taylor"):
        criterion = criteria.create({"name": name})
        assert isinstance(criterion, UnitCriterion)
        assert harness.score(net, [(ids, targets)], name) == pytest.approx(dict(criterion.scores(scoring)), rel=1e-6)
    shifted = ids.roll(-1, dims=1)
    shifted[:, -1] = UNSCORED
    found = harness.score(net, ids, "calibration_loss")
    assert found == pytest.approx(harness.score(net, (ids, shifted), "calibration_loss"), rel=1e-6)
    with pytest.raises(SpecError, match="criterion 'calibration_accuracy': answers are of classification"):
        harness.score(net, ids, "calibration_accuracy")
