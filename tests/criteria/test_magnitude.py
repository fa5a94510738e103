"""Norms of what units add, against numpy on a hand-written forward pass."""

from __future__ import annotations

import numpy as np
import pytest
from scorings import scoring_of, split, streams
from torch import Tensor, nn

from harness.criteria.magnitude import Magnitude
from harness.errors import SpecError
from harness.tasks.base import Batch


def expected(net: nn.Module, inputs: Tensor, target: str, tokens: slice, order: int) -> dict[str, float]:
    """Mean norm over tokens by the definition, in float64."""
    flow = [(name, x[:, tokens].double().numpy(), y[:, tokens].double().numpy()) for name, x, y in streams(net, inputs)]
    if target == "block":
        pairs = zip(flow[::2], flow[1::2], strict=True)
        flow = [(a.rpartition(".")[0], x, y) for (a, x, _), (_, _, y) in pairs]
    core = {"attention": ".attn", "mlp": ".mlp", "block": ""}[target]
    return {n: float(np.linalg.norm(y - x, ord=order, axis=-1).mean()) for n, x, y in flow if n.endswith(core)}


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
@pytest.mark.parametrize(("norm", "order"), [("l2", 2), ("l1", 1)])
def test_scores_are_those_that_numpy_finds(
    tiny_net: nn.Module, batch: Batch, target: str, norm: str, order: int
) -> None:
    found = Magnitude.model_validate({"norm": norm}).scores(scoring_of(tiny_net, [batch], target))
    assert found == pytest.approx(expected(tiny_net, batch.inputs, target, slice(None), order), rel=1e-5)


@pytest.mark.parametrize(("tokens", "kept"), [("class", slice(1)), ("patch", slice(1, None))], ids=str)
def test_only_the_chosen_tokens_are_averaged(tiny_net: nn.Module, batch: Batch, tokens: str, kept: slice) -> None:
    found = Magnitude.model_validate({"tokens": tokens}).scores(scoring_of(tiny_net, [batch]))
    assert found == pytest.approx(expected(tiny_net, batch.inputs, "attention", kept, 2), rel=1e-5)


def test_batches_of_unequal_size_do_not_change_the_mean(tiny_net: nn.Module, batch: Batch) -> None:
    whole = Magnitude().scores(scoring_of(tiny_net, [batch]))
    assert Magnitude().scores(scoring_of(tiny_net, split(batch, 6))) == pytest.approx(whole, rel=1e-5)


def test_a_branch_that_adds_twice_as_much_scores_twice_as_high(tiny_net: nn.Module, batch: Batch) -> None:
    last = "blocks.2.mlp"
    before = Magnitude().scores(scoring_of(tiny_net, [batch], "mlp"))
    for parameter in tiny_net.get_submodule(f"{last}.fc2").parameters():
        parameter.data.mul_(2)
    after = Magnitude().scores(scoring_of(tiny_net, [batch], "mlp"))
    assert after == pytest.approx({**before, last: 2 * before[last]}, rel=1e-5)


def test_a_network_without_a_class_token_is_told(tiny_net: nn.Module, batch: Batch) -> None:
    tiny_net.num_prefix_tokens = 0  # type: ignore[assignment]  # what timm says of such a network
    with pytest.raises(SpecError, match="no class token"):
        Magnitude(tokens="class").scores(scoring_of(tiny_net, [batch]))
