"""A tiny decoder of transformers with random weights, for tests that need no family."""

from __future__ import annotations

import torch
from torch import nn

VOCABULARY, CONTEXT = 32, 24


def tiny_decoder(seed: int = 0, **changes: int) -> nn.Module:
    """Two blocks of width 16 with two heads that share one key-value head, in eval mode; weights follow the seed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        **{
            "vocab_size": VOCABULARY,
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": CONTEXT,
            "initializer_range": 0.4,  # so large that tokens differ in their likelihood
            **changes,
        }
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: nn.Module = LlamaForCausalLM(config)
    return net.eval()
