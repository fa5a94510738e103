"""What a cache of keys and values holds: by formula from the shape of a decoder, and as its tensors say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def layer_bytes(kv_heads: int, head_dim: int, item_bytes: int, batch: int, tokens: int) -> int:
    """Bytes that one attention keeps: a key and a value of every token for each key-value head.

    The sum over layers is the formula of LLM-Drop's table of caches (arXiv 2406.15786): 2 x layers x heads x head size
    x bytes of a number x batch x tokens.
    """
    return 2 * kv_heads * head_dim * item_bytes * batch * tokens


def expected_bytes(config: Any, item_bytes: int, batch: int, tokens: int) -> tuple[int, ...]:
    """Bytes of each layer of a decoder after so many tokens, by a configuration of transformers.

    A layer with a sliding window needs no more than the window less the token that is read next.
    """
    heads, size = kv_heads(config), head_dim(config)
    windows = (_window(config, layer) for layer in range(config.num_hidden_layers))
    kept = (tokens if window is None else min(tokens, window - 1) for window in windows)
    return tuple(layer_bytes(heads, size, item_bytes, batch, held) for held in kept)


def held_bytes(layer: Any) -> int:
    """Bytes of the keys and values in one layer of a cache of transformers; 0 where none was ever written."""
    tensors: tuple[Tensor | None, ...] = (getattr(layer, "keys", None), getattr(layer, "values", None))
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


def kv_heads(config: Any) -> int:
    """Heads that keys and values are kept for: fewer than query heads where those share them."""
    if getattr(config, "multi_query", False) and not getattr(config, "new_decoder_architecture", False):
        return 1  # Falcon's own names; its later architecture keeps a copy for every query head
    return int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)


def head_dim(config: Any) -> int:
    """Numbers in a key or a value of one head."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def _window(config: Any, layer: int) -> int | None:
    """Tokens that a layer looks back on; None where it sees all."""
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    slides = kinds is None or kinds[layer] == "sliding_attention"
    return int(window) if window is not None and slides else None
