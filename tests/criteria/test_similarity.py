"""Cosine scores against numpy on a hand-written forward pass, and the facts that hold for every network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scorings import Array, scoring_of, split, streams
from torch import Tensor, nn

from harness.criteria.similarity import Similarity
from harness.errors import SpecError
from harness.tasks.base import Batch


def one_minus_cosine(x: Array, y: Array) -> float:
    """1 - mean cosine over all leading axes, in float64."""
    lengths = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    return float(1 - ((x * y).sum(-1) / lengths).mean())


def expected(net: nn.Module, inputs: Tensor, target: str, tokens: slice) -> dict[str, float]:
    """Scores of a target by their definition, over these tokens."""
    flow = [(name, x[:, tokens].double().numpy(), y[:, tokens].double().numpy()) for name, x, y in streams(net, inputs)]
    if target == "block":
        pairs = zip(flow[::2], flow[1::2], strict=True)
        return {a.rpartition(".")[0]: one_minus_cosine(x, y) for (a, x, _), (_, _, y) in pairs}
    core = {"attention": ".attn", "mlp": ".mlp"}[target]
    return {name: one_minus_cosine(x, y) for name, x, y in flow if name.endswith(core)}


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
@pytest.mark.parametrize(
    ("tokens", "kept"), [("all", slice(None)), ("class", slice(1)), ("patch", slice(1, None))], ids=str
)
def test_scores_are_those_that_numpy_finds(
    tiny_net: nn.Module, batch: Batch, target: str, tokens: str, kept: slice
) -> None:
    found = Similarity.model_validate({"tokens": tokens}).scores(scoring_of(tiny_net, [batch], target))
    assert found == pytest.approx(expected(tiny_net, batch.inputs, target, kept), abs=1e-6)


def silence(net: nn.Module, path: str) -> None:
    """The branch of this attention gives zero from now on."""
    projection: Any = net.get_submodule(f"{path}.proj")
    nn.init.zeros_(projection.weight)
    nn.init.zeros_(projection.bias)


def test_a_unit_that_adds_nothing_scores_zero(tiny_net: nn.Module, batch: Batch) -> None:
    silence(tiny_net, "blocks.1.attn")
    scores = Similarity().scores(scoring_of(tiny_net, [batch]))
    assert scores["blocks.1.attn"] == pytest.approx(0, abs=1e-6)
    assert min(scores["blocks.0.attn"], scores["blocks.2.attn"]) > 1e-4


def test_rounding_takes_no_score_below_zero(tiny_net: nn.Module, batch: Batch) -> None:
    silence(tiny_net, "blocks.1.attn")
    alone = [Similarity(tokens="class").scores(scoring_of(tiny_net, [item])) for item in split(batch, 1)]
    assert min(scores["blocks.1.attn"] for scores in alone) >= 0


def rescaled(net: nn.Module, factor: float) -> None:
    """From now on the last block gives `factor` times its input or output."""

    def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return factor * (output if factor > 0 else inputs[0])

    net.get_submodule("blocks.2").register_forward_hook(hook)


def test_scaling_what_leaves_a_unit_leaves_its_score(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [batch], "block")
    before = Similarity().scores(scoring)["blocks.2"]
    rescaled(tiny_net, 7.5)
    assert Similarity().scores(scoring)["blocks.2"] == pytest.approx(before, abs=1e-6)


def test_a_unit_that_turns_the_stream_round_scores_two(tiny_net: nn.Module, batch: Batch) -> None:
    rescaled(tiny_net, -1.0)
    assert Similarity().scores(scoring_of(tiny_net, [batch], "block"))["blocks.2"] == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("size", [1, 5])
def test_the_size_of_batches_does_not_matter(tiny_net: nn.Module, batch: Batch, size: int) -> None:
    whole = Similarity().scores(scoring_of(tiny_net, [batch]))
    assert Similarity().scores(scoring_of(tiny_net, split(batch, size))) == pytest.approx(whole, abs=1e-6)


def test_the_order_of_items_does_not_matter(tiny_net: nn.Module, batch: Batch) -> None:
    turned = Batch(batch.inputs.flip(0), batch.targets.flip(0))
    forward, backward = scoring_of(tiny_net, [batch]), scoring_of(tiny_net, [turned])
    assert Similarity().scores(backward) == pytest.approx(dict(Similarity().scores(forward)), abs=1e-6)


def test_a_network_without_a_class_token_cannot_be_scored_on_it(batch: Batch) -> None:
    import timm

    torch.manual_seed(0)
    options: dict[str, Any] = {"img_size": 8, "patch_size": 2, "embed_dim": 32, "num_heads": 2, "depth": 3}
    net = timm.create_model(
        "deit_tiny_patch16_224", num_classes=10, in_chans=1, class_token=False, global_pool="avg", **options
    )
    scoring = scoring_of(net.eval(), [batch])
    with pytest.raises(SpecError, match="VisionTransformer has no class token; 'all' or 'patch' would do"):
        Similarity(tokens="class").scores(scoring)
    assert Similarity(tokens="patch").scores(scoring) == Similarity().scores(scoring)


def test_hooks_are_gone_after_an_error(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [Batch(batch.inputs[:, :, :3], batch.targets)])
    with pytest.raises(AssertionError, match="Input height"):
        Similarity().scores(scoring)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in tiny_net.modules())


def test_items_is_how_much_of_the_calibration_part_is_read() -> None:
    assert (Similarity().calibration_items, Similarity(items=64).calibration_items) == (None, 64)
