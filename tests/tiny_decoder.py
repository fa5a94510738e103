"""The smallest decoder, for tests of what is done with text: two blocks, and tokens that differ in their likelihood."""

from __future__ import annotations

from torch import nn

from harness.models import create
from harness.schema import Json, Options

VOCABULARY, CONTEXT = 32, 24
OPTIONS: Options = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.4,  # as it is published, all tokens would be nearly as likely
}


def tiny_decoder(seed: int = 0, **changes: Json) -> nn.Module:
    """A Llama of width 16 with two heads that share their keys and values, in eval mode; weights follow the seed."""
    return create("hf-config:llama", {**OPTIONS, **changes}, {}, seed=seed)
