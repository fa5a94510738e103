"""The place of a removed attention in a cache of keys and values: its tokens are counted, and no byte is kept."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicLayer


class Counted(DynamicLayer):  # type: ignore[misc]  # mypy does not read transformers
    """A layer of a cache that knows its length although its keys and values are empty: (n, 0, tokens, 0)."""

    def get_seq_length(self) -> int:
        """Tokens so far."""
        return 0 if self.keys is None else int(self.keys.shape[-2])


def count_tokens(cache: Any, layer: int, x: Tensor) -> None:
    """Notes that x (n, tokens, width) went past layer `layer` of a cache, which keeps nothing of it.

    The length of a cache is asked of its first layer, of its first full one for a mask and of its first sliding one for
    another, so a layer whose attention is gone must go on counting.
    """
    while len(cache.layers) <= layer:
        cache.layers.append(cache.layer_class_to_replicate())
    if type(cache.layers[layer]) is DynamicLayer:
        cache.layers[layer] = Counted()
    empty = x.new_empty((x.shape[0], 0, x.shape[1], 0))
    cache.layers[layer].update(empty, empty)
