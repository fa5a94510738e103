"""The reference count of multiply-accumulates (MACs) of a forward pass."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.flop_counter import FlopCounterMode

Shape: TypeAlias = Sequence[int]

# Operators without multiply-accumulates by the convention of this count, beside views and elementwise operators, which
# torch marks itself: norms, softmax, reductions, pooling, resampling, and whatever moves, picks, sorts or makes values.
_ZERO_MACS = """
    native_layer_norm native_group_norm native_batch_norm cudnn_batch_norm miopen_batch_norm _fused_rms_norm
    _native_batch_norm_legit _native_batch_norm_legit_no_training _batch_norm_with_update _batch_norm_no_update
    _softmax _safe_softmax _log_softmax logsumexp native_dropout
    sum mean prod amax amin max min var std var_mean std_mean any all norm linalg_vector_norm cumsum cumprod
    argmax argmin topk sort median kthvalue count_nonzero nonzero bincount unique_consecutive _unique2 equal
    avg_pool1d avg_pool2d avg_pool3d max_pool2d_with_indices max_pool3d_with_indices
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d
    upsample_nearest1d upsample_nearest2d upsample_linear1d upsample_bilinear2d upsample_bicubic2d
    _upsample_nearest_exact2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler_2d
    clone copy copy_ _to_copy _unsafe_view _reshape_alias _reshape_copy contiguous lift_fresh lift_fresh_copy
    cat stack repeat repeat_interleave roll flip rot90 constant_pad_nd reflection_pad2d replication_pad2d
    pixel_shuffle pixel_unshuffle im2col col2im unfold_copy as_strided_copy as_strided_ tril triu
    unsafe_split unsafe_split_with_sizes unsafe_chunk
    relu relu_ gelu silu silu_ mish elu leaky_relu hardswish hardswish_ hardsigmoid hardtanh hardtanh_ softplus
    index index_select index_put index_put_ _unsafe_index _unsafe_index_put index_add index_copy gather scatter
    scatter_ scatter_add select_scatter slice_scatter masked_select masked_scatter take embedding one_hot
    empty_like zeros_like ones_like full_like rand_like randn_like new_empty new_zeros new_ones new_full
    new_empty_strided fill_ zero_ bernoulli bernoulli_ multinomial normal_ uniform_ random_
    _local_scalar_dense is_same_size _assert_async _assert_scalar _assert_tensor_metadata
"""
ZERO_MACS = frozenset(_ZERO_MACS.split())

# Every kernel behind scaled_dot_product_attention; which of them a machine picks must not change the count, and torch
# up to 2.13 has no formula for some. The plain form (`_math`) falls apart into products that are counted one by one.
ATTENTION = (
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
    "_scaled_dot_product_attention_math_for_mps",
)


@dataclass(frozen=True)
class MacCount:
    """MACs of one forward pass in eval mode: convolutions, linear maps, matrix products and attention, no biases.

    `by_operator` is keyed by torch's names (`aten.addmm`), `by_module` by module paths, each including what it holds
    (the network itself is ""); modules without MACs are absent. `uncounted` names operators that ran, have no formula
    and are not known to be free of MACs: where it is not empty, `total` is a lower bound.
    """

    total: int
    by_operator: dict[str, int]
    by_module: dict[str, int]
    uncounted: tuple[str, ...]


def count_macs(net: nn.Module, inputs: Tensor) -> MacCount:
    """Counts `net(inputs)` on a weightless copy, or a full one where meta cannot run it; `net` is not touched."""
    try:
        return _counted(_weightless(net), inputs.to("meta"))
    except (NotImplementedError, RuntimeError):
        # A value that is read, or a constant that is no buffer, needs real tensors. A fault of the network shows again.
        if inputs.is_meta:
            raise
        return _counted(copy.deepcopy(net).requires_grad_(False).eval(), inputs)


def _weightless(net: nn.Module) -> nn.Module:
    """A deep copy on the meta device, in eval mode, made without copying a single weight."""
    made: dict[int, Any] = {id(p): nn.Parameter(p.detach().to("meta"), requires_grad=False) for p in net.parameters()}
    made |= {id(b): b.detach().to("meta") for b in net.buffers()}
    return copy.deepcopy(net, made).eval()


def _counted(net: nn.Module, inputs: Tensor) -> MacCount:
    # Parameters must not require gradients here: torch's module tracker stumbles over inputs that are made from them.
    watcher = _Watcher()
    counter = FlopCounterMode(display=False, custom_mapping=_formulas())
    with torch.no_grad(), watcher, counter:
        net(inputs)
    registry = set(counter.flop_registry)
    strangers = {
        str(func.overloadpacket) for func in watcher.seen if func.overloadpacket not in registry | watcher.free
    }
    by_operator = {str(operator): flops // 2 for operator, flops in counter.get_flop_counts().get("Global", {}).items()}
    by_module = _by_path(type(net).__name__, counter.get_flop_counts())
    return MacCount(counter.get_total_flops() // 2, by_operator, by_module, tuple(sorted(strangers)))


@dataclass(frozen=True)
class _Layout:
    """All that a tensor without values is."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, leaf: Any) -> Any:
        """The layout of a tensor; anything else is itself."""
        return cls(tuple(leaf.shape), leaf.stride(), leaf.dtype) if isinstance(leaf, Tensor) else leaf

    @classmethod
    def made(cls, leaf: Any) -> Any:
        """A fresh meta tensor for a layout; anything else is itself."""
        if not isinstance(leaf, cls):
            return leaf
        return torch.empty_strided(leaf.shape, leaf.stride, dtype=leaf.dtype, device="meta")


class _Watcher(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's base is not annotated
    """Runs every operator, after those made of others have fallen apart, and notes which ran with tensors.

    Without values, equal layouts in give equal layouts out. Those are remembered, because blocks repeat and torch
    works out the layouts of norms, sums and activations in slow Python.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's base is not annotated
        self.seen: set[Any] = set()
        self._layouts: dict[Any, Any] = {}

    @property
    def free(self) -> set[Any]:
        """Those of the operators seen that have no MACs."""
        return {func.overloadpacket for func in self.seen if _is_free(func)}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        leaves, structure = tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if not tensors:
            return func(*args, **kwargs)
        self.seen.add(func)
        if func.is_view or func._schema.is_mutable or not all(tensor.is_meta for tensor in tensors):
            return func(*args, **kwargs)
        key = (func, structure, *map(_Layout.of, leaves))
        if key not in self._layouts:
            self._layouts[key] = tree_map(_Layout.of, func(*args, **kwargs))
        return tree_map(_Layout.made, self._layouts[key])


def _is_free(func: Any) -> bool:
    return (
        func.is_view
        or torch.Tag.pointwise in func.tags
        or (func.namespace == "aten" and func.overloadpacket.__name__ in ZERO_MACS)
    )


def _by_path(root: str, counts: Mapping[str, Mapping[Any, int]]) -> dict[str, int]:
    # The tracker puts the class of the network in front of every path.
    flops = {name: sum(of_module.values()) for name, of_module in counts.items()}
    return {
        name.removeprefix(root).removeprefix("."): total // 2
        for name, total in flops.items()
        if name == root or name.startswith(f"{root}.")
    }


def _formulas() -> dict[Any, Callable[..., int]]:
    """FLOPs (2 per MAC) from the shapes of the arguments, for what torch leaves out in some version."""
    aten = torch.ops.aten
    attention = {getattr(aten, name): _attention_flops for name in ATTENTION if hasattr(aten, name)}
    return {**attention, aten.mv: _vector_flops, aten.dot: _vector_flops, aten.addmv: _added_vector_flops}


def _attention_flops(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    """Two products per query head: (n, d) x (d, m) and (n, m) x (m, e).

    A causal mask is counted in full. With fewer key and value heads (grouped queries) each query head still meets
    every key, so the query's heads count. Shapes: query (..., heads, n, d), key (..., m, d), value (..., m, e).
    """
    return 2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _vector_flops(matrix: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(matrix)


def _added_vector_flops(_bias: Shape, matrix: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(matrix)
