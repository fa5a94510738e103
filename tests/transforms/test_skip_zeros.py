"""Second layers that skip what does not fire: the same outputs, the MACs that were computed, and refusals."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.collectors.sparse_macs import dense_macs
from harness.counting import count_macs
from harness.errors import SpecError
from harness.hidden import hidden_of
from harness.models import create, load_weights, save_weights
from harness.transforms.base import transforms
from harness.transforms.skip_zeros import SkipZeros
from harness.transforms.topk import TopKUnits
from harness.zero_skipping import ZeroSkipping

SHAPE: dict[str, Any] = {"img_size": 8, "patch_size": 4, "embed_dim": 32, "num_heads": 2, "depth": 2}
TOKENS = 5  # of one image, with the class token


def net_of(act: str = "relu", architecture: str = "deit_tiny_patch16_224") -> nn.Module:
    return create(architecture, {**SHAPE, "act_layer": act}, {"num_classes": 10, "in_chans": 1}, seed=0)


def image(n: int = 1) -> Tensor:
    return torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("k", [None, 3])
def test_fact_3_outputs_change_by_rounding_alone(k: int | None) -> None:
    dense = net_of() if k is None else TopKUnits(k=k).apply(net_of())
    net = SkipZeros(tokens=TOKENS).apply(copy.deepcopy(dense))
    with torch.inference_mode():
        torch.testing.assert_close(net(image()), dense(image()), rtol=1e-5, atol=1e-5)


def test_tokens_without_any_active_unit_get_the_bias() -> None:
    layer = nn.Linear(6, 4)
    a = torch.zeros(3, 6)
    a[1, 2] = 2.0
    found = ZeroSkipping(layer, 3)(a)
    torch.testing.assert_close(found, layer(a))
    assert torch.equal(found[0], layer.bias)


@pytest.mark.parametrize("bias", [True, False])
def test_more_tokens_run_dense(bias: bool) -> None:
    layer = nn.Linear(6, 4, bias=bias)
    net, a = ZeroSkipping(layer, 2), torch.randn(2, 3, 6).relu()
    with torch.inference_mode():
        assert "_embedding_bag" not in " ".join(count_macs(net, a).by_operator)
        torch.testing.assert_close(net(a), layer(a))
        assert net(a[0, :0]).shape == (0, 4)


def test_what_autocast_casts_runs_dense() -> None:
    layer = nn.Linear(6, 4)
    net, a = ZeroSkipping(layer, 2), torch.randn(1, 6).relu().bfloat16()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(net(a), layer(a))


def test_macs_are_those_of_active_units() -> None:
    net = SkipZeros(tokens=TOKENS).apply(TopKUnits(k=3).apply(net_of()))
    whole, found = count_macs(net_of(), image()), count_macs(net, image())
    assert found.uncounted == ()
    assert found.read_by
    assert found.total == whole.total - 2 * TOKENS * 32 * (128 - 3)
    assert dense_macs(net, hidden_of(net), image()).total == whole.total


def test_weights_keep_names_values_and_shapes_and_come_back(tmp_path: Path) -> None:
    plain = net_of()
    net = SkipZeros().apply(copy.deepcopy(plain))
    assert plain.state_dict().keys() == net.state_dict().keys()
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in plain.state_dict().items())
    save_weights(net, tmp_path / "weights.safetensors")
    other: Any = SkipZeros().apply(net_of())
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    load_weights(other, tmp_path / "weights.safetensors")
    twin = copy.deepcopy(other)
    assert torch.equal(twin.blocks[0].mlp.fc2.weight, plain.get_parameter("blocks.0.mlp.fc2.weight"))
    assert twin.blocks[0].mlp.fc2.weight.t().is_contiguous()  # a copy still has each unit's numbers together


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: net_of("gelu"), r"blocks.0.mlp has GELU, after which nothing is zero; put 'relu' before it"),
        (lambda: SkipZeros().apply(net_of()), r"blocks.0.mlp skips what does not fire already"),
        (
            lambda: create(
                "hf-config:gpt2", {"n_embd": 8, "n_head": 2, "n_layer": 1, "activation_function": "relu"}, {}
            ),
            r"are read by a Conv1D",
        ),
    ],
    ids=["gelu", "twice", "conv"],
)
def test_a_network_that_cannot_skip_is_refused_in_words(made: Any, words: str) -> None:
    with pytest.raises(SpecError, match=f"transforms.skip_zeros: .*{words}"):
        SkipZeros().apply(made())


def test_its_costs_hang_on_items() -> None:
    made = transforms.create({"name": "skip_zeros"})
    assert (made.starts, made.earliest, made.reads_values) == ("cost", "evaluate", True)
