"""Nothing stays nothing under what is linear, and fails under anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.stand_ins import Absent, Lenient, Nothing, Through

X = torch.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("sum_of", [lambda x, n: x + n, lambda x, n: n + x, torch.add, lambda x, n: x.add(n)])
def test_a_sum_with_nothing_is_the_other_summand_itself(sum_of: Callable[[Tensor, Any], Any]) -> None:
    assert sum_of(X, Nothing((2, 3, 4))) is X


@pytest.mark.parametrize(
    "scaled", [lambda n: 1.0 * n, lambda n: n * X, lambda n: X * n, lambda n: n.mul(X), lambda n: n / 2]
)
def test_a_multiple_of_nothing_is_nothing(scaled: Callable[[Any], Any]) -> None:
    assert isinstance(scaled(Nothing((2, 3, 4))), Nothing)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.transpose(1, 2),
        lambda x: x.permute(2, 0, 1),
        lambda x: x.reshape(2, -1),
        lambda x: x.view(6, 4),
        lambda x: x.flatten(1),
        lambda x: x[:, 1:],
        lambda x: x.contiguous(),
        lambda x: torch.cat([x, x], dim=1),
    ],
)
def test_another_layout_of_nothing_has_the_shape_of_that_of_a_tensor(change: Callable[[Any], Any]) -> None:
    found = change(Nothing((2, 3, 4)))
    assert isinstance(found, Nothing)
    assert found.shape == tuple(change(X).shape)


def test_a_stacked_sum_is_that_of_what_is_there() -> None:
    both: Any = torch.stack([Nothing((2, 3, 4)), X, X])  # type: ignore[list-item]  # what is tested
    assert torch.equal(both.sum(dim=0), 2 * X)
    none: Any = torch.stack([Nothing((2, 3, 4)), Nothing((2, 3, 4))])  # type: ignore[list-item]  # what is tested
    assert X + none.sum(dim=0) is X


@pytest.mark.parametrize(
    "applied",
    [
        torch.relu,
        nn.Linear(4, 4),
        nn.LayerNorm(4),
        lambda n: torch.cat([n, X], dim=1),
        lambda n: n + 1.0,
        lambda n: torch.maximum(n, X),
        lambda n: n.softmax(-1),
    ],
)
def test_what_is_not_linear_fails(applied: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, AttributeError)):
        applied(Nothing((2, 3, 4)))


def test_an_absent_branch_hands_on_what_is_asked_beside_its_output() -> None:
    nothing, size = Absent(passes=(1,))(X, [2, 2])
    assert isinstance(nothing, Nothing)
    assert size == [2, 2]


def test_a_skipped_block_hands_on_its_stream() -> None:
    assert Through(stream=1)("patches", X) is X
    assert Through(0, (0, 1))(X, [2, 2]) == (X, [2, 2])


def test_a_shared_module_lets_nothing_pass() -> None:
    inner = nn.Dropout(0.5)
    nothing = Nothing((2, 3, 4))
    assert Lenient(inner)(nothing) is nothing
    assert Lenient(inner.eval())(X) is X


def test_arguments_may_be_given_by_name() -> None:
    x = torch.ones(1, 2, 3)
    output, weights = Absent(passes=(None,))(hidden_states=x, attention_mask=None)
    assert isinstance(output, Nothing)
    assert (output.shape, weights) == ((1, 2, 3), None)
    given = Through(returns=(0, None))(hidden_states=x, attention_mask=None)
    assert given[0] is x
    assert given[1] is None


def test_a_head_that_adds_to_the_stream_itself_gives_the_stream() -> None:
    normed, stream = torch.ones(1, 2, 3), torch.full((1, 2, 3), 5.0)
    output, weights = Absent(passes=(None,), onto=1)(normed, stream, mask=None)
    assert output is stream
    assert weights is None
    assert torch.equal(Through(onto=1)(normed, stream), normed + stream)
    assert torch.equal(Through(returns=(0, None), onto=1)(normed, stream)[0], normed + stream)


def test_nothing_drops_out_as_nothing() -> None:
    nothing = Nothing((1, 2, 3))
    assert torch.nn.functional.dropout(nothing, p=0.5, training=True) is nothing  # type: ignore[arg-type, comparison-overlap]


def test_only_what_was_a_layer_of_a_cache_counts_tokens() -> None:
    class Cache:
        def get_seq_length(self) -> int:
            raise AssertionError("asked")

    assert Through()(torch.ones(1), cache=Cache()) is not None
    assert Absent(layer_idx=1)(torch.ones(1, 2, 3), cache=None).shape == (1, 2, 3)
