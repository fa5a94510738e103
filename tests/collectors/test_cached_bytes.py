"""Bytes of keys and values: the published sizes, by configurations of full size that hold no weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.collectors.cached_bytes import expected_bytes, held_bytes, layer_bytes
from harness.published import publication

CONFIGS = Path(__file__).parents[2] / "studies" / "full" / "configs"
# Parameters of the published checkpoints, all of their tensors added up.
PARAMETERS = {
    "llama_2_7b": 6_738_415_616,
    "llama_2_13b": 13_015_864_320,
    "llama_2_70b": 68_976_648_192,
    "llama_3_8b": 8_030_261_248,
    "llama_3_70b": 70_553_706_496,
    "mistral_7b": 7_241_732_096,
    "mixtral_8x7b": 46_702_792_704,
    "smollm2_135m": 134_515_008,
}
# The file, batch and gibibytes as printed, and how many layers of attention are gone for the second of them.
CACHES = [
    ("mistral_7b", 64, 16, 12, 10),
    ("llama_2_13b", 32, 50, 20, 25),
    ("llama_2_70b", 32, 20, 40, 10),
    ("llama_3_8b", 64, 16, 12, 10),
    ("llama_3_70b", 32, 20, 40, 10),
]


@cache
def config(name: str) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(CONFIGS / f"{name}.json")


def by_hand(of: Any) -> int:
    """Parameters of a Llama, Mistral or Mixtral: embedding and head, and each block's maps and norms."""
    wide, size = of.hidden_size, of.hidden_size // of.num_attention_heads
    attention = 2 * wide * size * (of.num_attention_heads + of.num_key_value_heads)
    experts = getattr(of, "num_local_experts", 1)
    router = wide * experts if experts > 1 else 0
    block = attention + experts * 3 * wide * of.intermediate_size + router + 2 * wide
    tables = 1 if of.tie_word_embeddings else 2
    return int(tables * of.vocab_size * wide + of.num_hidden_layers * block + wide)


def test_every_configuration_is_known() -> None:
    assert {path.stem for path in CONFIGS.glob("*.json")} == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_network_of_full_size_has_the_published_parameters(name: str) -> None:
    from transformers import AutoModelForCausalLM

    made: Any = AutoModelForCausalLM
    with torch.device("meta"):
        net = made.from_config(config(name))
    assert sum(parameter.numel() for parameter in net.parameters()) == PARAMETERS[name] == by_hand(config(name))


@pytest.mark.parametrize(("name", "batch", "whole", "gone", "left"), CACHES)
def test_the_formula_gives_the_published_caches(name: str, batch: int, whole: int, gone: int, left: int) -> None:
    layers = expected_bytes(config(name), item_bytes=2, batch=batch, tokens=2048)
    assert sum(layers) == whole << 30
    assert sum(layers[gone:]) == left << 30
    printed = {v.value for group in publication("llm_drop").groups if "KV" in group.title for v in group.values}
    assert {float(sum(layers)), float(sum(layers[gone:]))} <= printed or name == "llama_2_13b"


def test_a_window_bounds_what_a_layer_keeps() -> None:
    of = config("mistral_7b")
    assert expected_bytes(of, 2, batch=1, tokens=100) == (layer_bytes(8, 128, 2, 1, 100),) * 32
    assert expected_bytes(of, 2, batch=1, tokens=9999) == (layer_bytes(8, 128, 2, 1, 4095),) * 32


def test_a_layer_that_was_never_written_holds_nothing() -> None:
    from transformers import DynamicCache

    layer: Any = DynamicCache(config=config("smollm2_135m")).layers[0]
    assert held_bytes(layer) == 0
    layer.update(torch.zeros(2, 3, 5, 64), torch.zeros(2, 3, 5, 64))
    assert held_bytes(layer) == layer_bytes(3, 64, 4, batch=2, tokens=5)
