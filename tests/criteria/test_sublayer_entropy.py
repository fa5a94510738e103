"""Entropy of what units give, against numpy on a hand-written forward pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scorings import Array, scoring_of, split, streams, without_class_token
from torch import nn

from harness.criteria.base import Scoring
from harness.criteria.sublayer_entropy import SublayerEntropy
from harness.errors import SpecError
from harness.families.base import Sublayer, Unit
from harness.tasks.base import Batch
from harness.tasks.classification import Classification

REDUCED: dict[str, Callable[[Array], Array]] = {
    "class": lambda tokens: tokens[:, 0],
    "mean": lambda tokens: tokens.mean(axis=1),
    "all": lambda tokens: tokens.reshape(-1, tokens.shape[-1]),
}


def outputs(net: nn.Module, batch: Batch, target: str, is_stream: bool) -> dict[str, Array]:
    """What each unit adds, or the stream that leaves it, (n, tokens, width)."""
    flow = [(name, x.double().numpy(), y.double().numpy()) for name, x, y in streams(net, batch.inputs)]
    if target == "block":
        pairs = zip(flow[::2], flow[1::2], strict=True)
        flow = [(a.rpartition(".")[0], x, y) for (a, x, _), (_, _, y) in pairs]
    core = {"attention": ".attn", "mlp": ".mlp", "block": "", "joint": ""}[target]
    return {name: y if is_stream else y - x for name, x, y in flow if name.endswith(core)}


@pytest.mark.parametrize("target", ["attention", "mlp", "block", "joint"])
@pytest.mark.parametrize("tokens", REDUCED)
@pytest.mark.parametrize("residual", [False, True], ids=["added", "stream"])
def test_scores_are_those_that_numpy_finds(
    tiny_net: nn.Module, batch: Batch, target: str, tokens: str, residual: bool
) -> None:
    criterion = SublayerEntropy.model_validate({"tokens": tokens, "residual": residual})
    found = criterion.scores(scoring_of(tiny_net, split(batch, 6), target))
    given = outputs(tiny_net, batch, target, residual)
    expected = {name: float(np.log(REDUCED[tokens](y).std(axis=0)).sum()) for name, y in given.items()}
    assert found == pytest.approx(expected, abs=1e-4)  # the difference y - x rounds in the comparison
    assert sorted(found, key=lambda name: found[name]) == sorted(expected, key=lambda name: expected[name])


def test_bits_and_the_unbiased_deviation_are_those_of_numpy(tiny_net: nn.Module, batch: Batch) -> None:
    found = SublayerEntropy(tokens="class", base=2, deviation="unbiased").scores(scoring_of(tiny_net, [batch]))
    given = outputs(tiny_net, batch, "attention", False)
    expected = {name: float(np.log2(y[:, 0].std(axis=0, ddof=1)).sum()) for name, y in given.items()}
    assert found == pytest.approx(expected, abs=1e-4)


def test_per_channel_is_the_sum_over_the_width(tiny_net: nn.Module, batch: Batch) -> None:
    whole, mean = SublayerEntropy(), SublayerEntropy(per_channel=True)
    expected = {name: score / 32 for name, score in whole.scores(scoring_of(tiny_net, [batch])).items()}
    assert mean.scores(scoring_of(tiny_net, [batch])) == pytest.approx(expected)


def test_a_unit_that_gives_nothing_has_the_lowest_entropy_there_is(tiny_net: nn.Module, batch: Batch) -> None:
    projection: Any = tiny_net.get_submodule("blocks.1.attn.proj")
    nn.init.zeros_(projection.weight)
    nn.init.zeros_(projection.bias)
    scores = SublayerEntropy(guard=1e-4).scores(scoring_of(tiny_net, [batch]))
    assert min(scores, key=lambda name: scores[name]) == "blocks.1.attn"
    assert scores["blocks.1.attn"] == pytest.approx(32 * math.log(1e-4))


def test_scaling_what_a_branch_gives_by_c_adds_channels_times_log_c(tiny_net: nn.Module, batch: Batch) -> None:
    before = SublayerEntropy().scores(scoring_of(tiny_net, [batch], "mlp"))["blocks.2.mlp"]
    for parameter in tiny_net.get_submodule("blocks.2.mlp.fc2").parameters():
        parameter.data.mul_(3)
    after = SublayerEntropy().scores(scoring_of(tiny_net, [batch], "mlp"))["blocks.2.mlp"]
    assert after - before == pytest.approx(32 * math.log(3), abs=1e-4)


class Maps(nn.Module):
    """One residual branch on maps (n, channels, height, width)."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Module()
        self.block.mlp = nn.Conv2d(3, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.get_submodule("block.mlp")(x)
        return y.mean((2, 3))


def maps(inputs: torch.Tensor) -> Scoring:
    torch.manual_seed(0)
    unit = Unit("block.mlp", "mlp", 0, (Sublayer("block.mlp", "mlp", 0, "block", ("mlp",)),))
    return replace(
        scoring_of(without_class_token(), [Batch(inputs, torch.zeros(len(inputs)))]),
        net=Maps().eval(),
        units=(unit,),
        task=Classification(),
    )


def test_places_of_a_map_are_tokens(batch: Batch) -> None:
    scoring = maps(torch.randn(16, 3, 4, 5, generator=torch.Generator().manual_seed(2)))
    found = SublayerEntropy().scores(scoring)["block.mlp"]
    with torch.inference_mode():
        given = scoring.net.get_submodule("block.mlp")(scoring.batches[0].inputs).double().numpy()
    expected = np.log(np.moveaxis(given, 1, -1).reshape(-1, 3).std(axis=0)).sum()
    assert found == pytest.approx(float(expected), abs=1e-5)


def test_a_network_without_a_class_token_has_no_entropy_of_it(batch: Batch) -> None:
    with pytest.raises(SpecError, match=r"criteria\.sublayer_entropy\.tokens: .* no class token; 'mean' or 'all'"):
        SublayerEntropy(tokens="class").scores(scoring_of(without_class_token(), [batch]))


def test_an_output_that_is_not_finite_is_an_error_that_names_the_unit(tiny_net: nn.Module, batch: Batch) -> None:
    tiny_net.get_submodule("blocks.1.mlp.fc2").bias.data.fill_(float("nan"))  # type: ignore[operator]
    with pytest.raises(ArithmeticError, match=r"not finite: the output of blocks\.1\.mlp"):
        SublayerEntropy().scores(scoring_of(tiny_net, [batch], "mlp"))


def test_items_is_how_much_of_the_calibration_part_is_read() -> None:
    assert (SublayerEntropy().calibration_items, SublayerEntropy(items=64).calibration_items) == (None, 64)
