"""Which of torch's operators multiply and accumulate, how often, and which are known not to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

# FLOPs (2 per MAC) from the arguments of an operator and, as `out_val`, from what it gave.
Formula: TypeAlias = Callable[..., int]

# Operators without multiply-accumulates by the convention of this count, beside views and elementwise operators, which
# torch marks itself: norms, softmax, reductions, pooling, resampling, and whatever moves, picks, sorts or makes values.
_ZERO_MACS = """
    native_layer_norm native_group_norm native_batch_norm cudnn_batch_norm miopen_batch_norm _fused_rms_norm
    _native_batch_norm_legit _native_batch_norm_legit_no_training _batch_norm_with_update _batch_norm_no_update
    _softmax _safe_softmax _log_softmax logsumexp native_dropout
    sum mean prod amax amin max min var std var_mean std_mean any all norm linalg_vector_norm cumsum cumprod
    argmax argmin topk sort median kthvalue count_nonzero nonzero bincount histc unique_consecutive _unique2 equal
    searchsorted
    avg_pool1d avg_pool2d avg_pool3d max_pool2d_with_indices max_pool3d_with_indices
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d
    upsample_nearest1d upsample_nearest2d upsample_linear1d upsample_bilinear2d upsample_bicubic2d
    _upsample_nearest_exact2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler_2d
    clone copy copy_ _to_copy _unsafe_view _reshape_alias _reshape_copy contiguous lift_fresh lift_fresh_copy
    cat stack repeat repeat_interleave roll flip rot90 constant_pad_nd reflection_pad2d replication_pad2d
    pixel_shuffle pixel_unshuffle im2col col2im unfold_copy as_strided_copy as_strided_ tril triu diff
    unsafe_split unsafe_split_with_sizes unsafe_chunk
    relu relu_ gelu silu silu_ mish elu leaky_relu hardswish hardswish_ hardsigmoid hardtanh hardtanh_ softplus
    floor_divide index index_select index_put index_put_ _unsafe_index _unsafe_index_put index_add index_add_
    index_copy index_copy_ gather scatter scatter_ scatter_add scatter_add_ select_scatter slice_scatter
    masked_select masked_scatter masked_scatter_ take embedding one_hot
    empty_like zeros_like ones_like full_like rand_like randn_like new_empty new_zeros new_ones new_full
    new_empty_strided fill_ zero_ bernoulli bernoulli_ multinomial normal_ uniform_ random_
    set_ detach detach_ _local_scalar_dense is_same_size _assert_async _assert_scalar _assert_tensor_metadata
"""
ZERO_MACS = frozenset(_ZERO_MACS.split())

# What other counters name beside these: operators that torch takes apart into them, and makers of tensors.
_FRONTS = """
    softmax log_softmax layer_norm group_norm batch_norm instance_norm rms_norm dropout dropout_ feature_dropout
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d max_pool1d max_pool2d max_pool3d pad
    frobenius_norm linalg_norm meshgrid grid_sampler expand_as reshape_as view_as tile
    empty empty_strided zeros ones full arange linspace eye scalar_tensor rand randn randint randperm
"""
FREE_FRONTS = frozenset(_FRONTS.split())

# Every kernel behind scaled_dot_product_attention; which of them a machine picks must not change the count, and torch
# up to 2.14 has no formula for some. The plain form (`_math`) falls apart into products that are counted one by one.
ATTENTION = (
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
    "_scaled_dot_product_attention_math_for_mps",
    "_triton_scaled_dot_attention",
)


def formulas() -> dict[Any, Formula]:
    """By operator: torch's own formulas, and ours for attention and for what torch leaves out in some version."""
    kernels: dict[str, Formula] = dict.fromkeys(ATTENTION, _attention)
    kernels |= {
        "_flash_attention_forward": _flash_attention,
        "_flash_attention_forward_no_dropout_inplace": _flash_attention_into,
        "_efficient_attention_forward": _efficient_attention,
        "_cudnn_attention_forward": _cudnn_attention,
        "mv": _vector,
        "dot": _vector,
        "vdot": _vector,
        "addmv": _added_vector,
        "mkldnn_rnn_layer": _recurrent_layer,
        "_cudnn_rnn": _recurrent_stack,
        "_grouped_mm": _grouped,
        "_embedding_bag": _weighted_rows,
        "_embedding_bag_forward_only": _weighted_rows,
    }
    packed: dict[str, Formula] = {"_varlen_attn": _flash_attention, "_varlen_attn_out": _flash_attention_into}
    ours = {
        getattr(space, name): formula
        for space, named in (
            (torch.ops.aten, kernels),
            (torch.ops.torch_attn, packed),
            (torch.ops.transformers, {"grouped_mm_fallback": _grouped}),
        )
        for name, formula in named.items()
        if hasattr(space, name)
    }
    return {**FlopCounterMode(display=False).flop_registry, **ours}


def given_elements(operator: Any, args: tuple[Any, ...], given: Any, macs: int) -> int:
    """Elements that a counted operator gives out, as the products that it consists of would."""
    name = operator.__name__
    if name == "mkldnn_rnn_layer":
        return _gates(args[0], args[1:3])
    if name == "_cudnn_rnn":
        return _gates(args[0], _matrices(args[1]))
    is_into = name.endswith(("_out", "_inplace"))
    first = args[0] if is_into else given[0] if isinstance(given, tuple | list) else given
    elements: int = first.numel() if isinstance(first, Tensor) else 0
    if any(word in name for word in ("attention", "attn")):
        query, _, value = args[1:4] if is_into else args[:3]
        elements += macs // (query.shape[-1] + value.shape[-1])  # the scores, which a fused kernel never shows
    return elements


def is_free(operator: Any) -> bool:
    """Whether an overload that ran is known to be without MACs."""
    return (
        operator.is_view
        or torch.Tag.pointwise in operator.tags
        or (operator.namespace == "aten" and operator.overloadpacket.__name__ in ZERO_MACS)
    )


def may_multiply(name: str) -> bool:
    """Whether an operator that another counter names (`aten::add`, `aten.add`) is not known to be without MACs."""
    space, _, operator = name.replace("::", ".").partition(".")
    if space != "aten" or operator in ZERO_MACS | FREE_FRONTS:
        return space != "aten"
    packet = getattr(torch.ops.aten, operator, None)
    return packet is None or not any(is_free(getattr(packet, overload)) for overload in packet.overloads())


def reads_values(operator: Any, leaves: list[Any]) -> bool:
    """Whether what an overload gives, or the size of it, hangs on the values of its flattened arguments."""
    if torch.Tag.data_dependent_output in operator.tags:
        return True
    if torch.Tag.dynamic_output_shape not in operator.tags:
        return False
    # Indexing is marked for its masks alone.
    masks = (torch.bool, torch.uint8)
    is_index = operator.overloadpacket is torch.ops.aten.index
    return not is_index or any(isinstance(leaf, Tensor) and leaf.dtype in masks for leaf in leaves[1:])


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    """Two products per query head: (n, d) x (d, m) and (n, m) x (m, e).

    A causal mask is counted in full. With fewer key and value heads (grouped queries) each query head still meets
    every key, so the query's heads count. Shapes: query (..., heads, n, d), key (..., m, d), value (..., m, e).
    """
    return 2 * prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _flash_attention(
    query: Tensor, key: Tensor, value: Tensor, ends: Tensor | None, key_ends: Tensor | None, *_: Any, **__: Any
) -> int:
    """The same for query (b, n, heads, d), key (b, m, heads, d), value (b, m, heads, e), or packed ones."""
    if ends is not None:
        return _packed_attention(query, value, ends, ends if key_ends is None else key_ends)
    return 2 * prod(query.shape[:-1]) * key.shape[1] * (query.shape[-1] + value.shape[-1])


def _flash_attention_into(_out: Tensor, *args: Any, **kwargs: Any) -> int:
    return _flash_attention(*args, **kwargs)


def _efficient_attention(query: Tensor, key: Tensor, value: Tensor, _bias: Any, *ends: Any, **_: Any) -> int:
    return _flash_attention(query, key, value, *ends)


def _cudnn_attention(query: Tensor, key: Tensor, value: Tensor, _bias: Any, *ends: Any, **__: Any) -> int:
    return _attention(query, key, value) if ends[0] is None else _flash_attention(query, key, value, *ends)


def _packed_attention(query: Tensor, value: Tensor, ends: Tensor, key_ends: Tensor) -> int:
    """Items of several lengths one after the other: query (..., sum of n, heads, d), `ends` (items + 1,).

    Lengths are values: without data they cannot be read, and a count needs real tensors.
    """
    pairs = int((ends.diff() * key_ends.diff()).sum())
    return 2 * pairs * query.shape[-2] * (query.shape[-1] + value.shape[-1])


def _vector(matrix: Tensor, *_: Any, **__: Any) -> int:
    return 2 * matrix.numel()


def _added_vector(_bias: Tensor, matrix: Tensor, *_: Any, **__: Any) -> int:
    return 2 * matrix.numel()


def _grouped(rows: Tensor, matrices: Tensor, *_: Any, **__: Any) -> int:
    """Each row (n, d) meets one of the matrices (experts, d, e), whichever it is sent to."""
    return 2 * rows.shape[0] * matrices.shape[-2] * matrices.shape[-1]


def _weighted_rows(table: Tensor, picked: Tensor, *others: Any, **_: Any) -> int:
    """Each picked row (d) times its weight, the fifth of `others`; rows that are only added up cost no product."""
    is_weighted = len(others) > 4 and others[4] is not None
    return 2 * picked.numel() * table.shape[-1] if is_weighted else 0


def _recurrent_layer(inputs: Tensor, weight: Tensor, hidden: Tensor, *_: Any, **__: Any) -> int:
    """Two products of each token: with the weights (gates, inputs) and (gates, hidden) of one layer and direction."""
    return 2 * prod(inputs.shape[:-1]) * (weight.numel() + hidden.numel())


def _recurrent_stack(inputs: Tensor, weights: Sequence[Tensor], *_: Any, **__: Any) -> int:
    """The same over all layers and directions."""
    return 2 * prod(inputs.shape[:-1]) * sum(weight.numel() for weight in _matrices(weights))


def _matrices(weights: Sequence[Tensor]) -> list[Tensor]:
    return [weight for weight in weights if weight.dim() == 2]  # the others are biases


def _gates(inputs: Tensor, weights: Sequence[Tensor]) -> int:
    return prod(inputs.shape[:-1]) * sum(weight.shape[0] for weight in weights)
