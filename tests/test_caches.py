"""A removed attention in a cache: its layer counts tokens, and holds none of their bytes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import DynamicCache, StaticCache
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.mistral.configuration_mistral import MistralConfig

from harness.caches import count_tokens

ITEMS, WIDTH = 2, 8
SMALL: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}
CACHES: dict[str, Any] = {
    "growing": lambda: DynamicCache(config=LlamaConfig(**SMALL)),
    "without a configuration": DynamicCache,
    "sliding": lambda: DynamicCache(config=MistralConfig(**SMALL, sliding_window=4)),
    "static": lambda: StaticCache(config=LlamaConfig(**SMALL), max_cache_len=16),
}


def passed(cache: Any, layer: int, tokens: int) -> None:
    count_tokens(cache, layer, torch.ones(ITEMS, tokens, WIDTH))


@pytest.mark.parametrize("kind", CACHES)
def test_a_layer_counts_what_goes_past_it(kind: str) -> None:
    cache = CACHES[kind]()
    for tokens in (5, 1, 1):
        passed(cache, 0, tokens)
    assert int(cache.get_seq_length()) == 7
    layer = cache.layers[0]
    assert layer.keys.nbytes == layer.values.nbytes == 0
    assert layer.keys.shape[:2] == (ITEMS, 0)


@pytest.mark.parametrize("kind", CACHES)
def test_masks_are_as_wide_as_if_the_layer_were_there(kind: str) -> None:
    gone, there = CACHES[kind](), CACHES[kind]()
    keys = torch.ones(ITEMS, 2, 5, 4)
    there.update(keys, keys, 0)
    passed(gone, 0, 5)
    for tokens in (1, 3):
        assert gone.get_mask_sizes(tokens, 0) == there.get_mask_sizes(tokens, 0)


def test_a_layer_beyond_those_that_are_there_is_made_with_all_before_it() -> None:
    cache: Any = DynamicCache()
    passed(cache, 2, 4)
    assert [layer.get_seq_length() for layer in cache.layers] == [0, 0, 4]


def test_what_is_left_of_a_cache_is_as_it_was() -> None:
    cache = CACHES["growing"]()
    keys = torch.ones(ITEMS, 2, 5, 4)
    passed(cache, 0, 5)
    cache.update(keys, keys, 1)
    assert cache.layers[1].keys.nbytes == keys.nbytes
    cache.reorder_cache(torch.tensor([1, 0]))
    cache.crop(-2)
    assert [layer.get_seq_length() for layer in cache.layers] == [3, 3]
