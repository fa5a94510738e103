"""Formulas against brute force, and every fused attention of the installed torch against the list of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import varlen  # noqa: F401  # registers operators for packed attention

from harness.operators import ATTENTION, formulas, given_elements, may_multiply, reads_values

ATEN = torch.ops.aten
# (batch, query heads, key heads, queries, keys, width, width of values)
SHAPES = [(1, 1, 1, 1, 1, 1, 1), (2, 3, 3, 5, 5, 7, 7), (2, 6, 2, 5, 4, 3, 3), (1, 4, 1, 3, 6, 2, 5)]
# Taken apart before they run, or switched off while counting.
WITHOUT = {
    "scaled_dot_product_attention": "falls apart into one of the others",
    "_scaled_dot_product_attention_math": "falls apart into products",
    "_native_multi_head_attention": "the fast path is off while counting",
    "_triton_multi_head_attention": "the fast path is off while counting",
}


def by_hand(batch: int, heads: int, queries: int, keys: int, width: int, given: int) -> int:
    """Every product of two numbers, one by one."""
    return sum(width + given for _ in range(batch) for _ in range(heads) for _ in range(queries) for _ in range(keys))


def flops(name: str, *args: Any) -> int:
    return formulas()[getattr(ATEN, name)](*args, out_val=None)


def empty(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


def test_every_fused_attention_of_this_torch_has_a_formula() -> None:
    names = {schema.name.removeprefix("aten::") for schema in torch._C._jit_get_all_schemas()}
    words = ("scaled_dot_product", "scaled_dot_attention", "attention_forward", "multi_head_attention")
    fused = {
        name for name in names if any(word in name for word in words) and "backward" not in name and "." not in name
    }
    assert "_scaled_dot_product_flash_attention" in fused
    known = formulas()
    assert {name for name in fused if getattr(ATEN, name) not in known} == WITHOUT.keys() & fused


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [name for name in ATTENTION if hasattr(ATEN, name)])
def test_attention_counts_both_products_of_every_query_head(name: str, shape: tuple[int, ...]) -> None:
    b, heads, key_heads, n, m, d, e = shape
    args = (empty(b, heads, n, d), empty(b, key_heads, m, d), empty(b, key_heads, m, e))
    macs = by_hand(b, heads, n, m, d, e)
    assert flops(name, *args) == 2 * macs
    assert given_elements(getattr(ATEN, name), args, (empty(b, heads, n, e),), macs) == b * heads * n * (m + e)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["_flash_attention_forward", "_efficient_attention_forward"])
def test_kernels_that_put_tokens_before_heads_count_the_same(name: str, shape: tuple[int, ...]) -> None:
    b, heads, key_heads, n, m, d, e = shape
    args = (empty(b, n, heads, d), empty(b, m, key_heads, d), empty(b, m, key_heads, e))
    nothing = [None] * (3 if name == "_efficient_attention_forward" else 2)
    assert flops(name, *args, *nothing, n, m) == 2 * by_hand(b, heads, n, m, d, e)


def test_a_kernel_that_writes_into_its_first_argument_counts_the_same() -> None:
    if not hasattr(ATEN, "_flash_attention_forward_no_dropout_inplace"):
        pytest.skip("this torch has no such kernel")
    name, out = "_flash_attention_forward_no_dropout_inplace", empty(2, 5, 6, 3)
    args = (out, empty(2, 5, 6, 3), empty(2, 4, 2, 3), empty(2, 4, 2, 3), None, None)
    assert flops(name, *args, 5, 4) == 2 * by_hand(2, 6, 5, 4, 3, 3)
    assert given_elements(getattr(ATEN, name), args, empty(1), by_hand(2, 6, 5, 4, 3, 3)) == 2 * 6 * 5 * (4 + 3)


@pytest.mark.parametrize("first", [3, 4])
def test_packed_items_meet_only_their_own_tokens(first: int) -> None:
    name = {3: "_flash_attention_forward", 4: "_efficient_attention_forward"}[first]
    ends = torch.tensor([0, 3, 10])
    key_ends = torch.tensor([0, 2, 4])
    packed = (torch.empty(10, 6, 5), torch.empty(4, 2, 5), torch.empty(4, 2, 5), *[None] * (first - 3))
    expected = by_hand(1, 6, 3, 2, 5, 5) + by_hand(1, 6, 7, 2, 5, 5)
    assert flops(name, *packed, ends, key_ends, 7, 2) == 2 * expected
    if name == "_efficient_attention_forward":
        assert flops("_cudnn_attention_forward", *packed, ends, key_ends, 7, 2) == 2 * expected
    else:
        assert formulas()[torch.ops.torch_attn._varlen_attn](*packed, ends, key_ends, 7, 2) == 2 * expected


def test_lengths_of_packed_items_are_not_guessed() -> None:
    with pytest.raises(RuntimeError, match="meta"):
        flops("_flash_attention_forward", *[empty(10, 2, 5)] * 3, *[empty(3)] * 2, 7, 7)


@pytest.mark.parametrize("gates", [1, 3, 4])
def test_a_recurrent_stack_is_the_sum_of_its_matrices(gates: int) -> None:
    tokens, width, hidden = 10, 8, 6
    weights = [empty(gates * hidden, width), empty(gates * hidden, hidden), empty(gates * hidden)]
    layer = sum(gates * hidden * (width + hidden) for _ in range(tokens))
    assert flops("mkldnn_rnn_layer", empty(5, 2, width), *weights[:2]) == 2 * layer
    assert flops("_cudnn_rnn", empty(5, 2, width), weights) == 2 * layer
    assert given_elements(ATEN._cudnn_rnn, (empty(5, 2, width), weights), (), layer) == 2 * tokens * gates * hidden
    assert given_elements(ATEN.mkldnn_rnn_layer, (empty(5, 2, width), *weights[:2]), (), layer) == (
        2 * tokens * gates * hidden
    )


@pytest.mark.parametrize(
    ("read", "is_read"),
    [
        (lambda x: x.sum().item(), True),
        (lambda x: x.nonzero(), True),
        (lambda x: x.unique(), True),
        (lambda x: x[x > 0], True),
        (lambda x: x.masked_select(x > 0), True),
        (lambda x: torch.equal(x, x), True),
        (lambda x: x[torch.tensor([0, 1])], False),
        (lambda x: x.topk(2).values, False),
        (lambda x: torch.where(x > 0, x, -x), False),
    ],
)
def test_what_hangs_on_values_is_told_from_what_does_not(read: Callable[[Tensor], object], is_read: bool) -> None:
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    found: list[bool] = []

    class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's base is not annotated
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            found.append(reads_values(func, tree_leaves((args, kwargs))))
            return func(*args, **(kwargs or {}))

    with Watching():  # type: ignore[no-untyped-call]  # as above
        read(torch.arange(4.0))
    assert any(found) == is_read


@pytest.mark.parametrize("name", ["aten::lstm", "aten.baddbmm", "aten::_convolution_mode", "prim::PythonOp", "own::op"])
def test_what_may_multiply_is_named(name: str) -> None:
    assert may_multiply(name)


@pytest.mark.parametrize("name", ["aten::add", "aten.gelu", "aten::softmax", "aten::view", "aten::layer_norm"])
def test_what_is_free_is_not(name: str) -> None:
    assert not may_multiply(name)
