"""Small decoders of transformers, of every family: what tests that speak of language models build on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.models import create
from harness.schema import Options

WIDE: Options = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 50,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def _without(*names: str) -> Options:
    return {key: value for key, value in WIDE.items() if key not in names}


_GPT: Options = {"n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 64, "vocab_size": 50}
_UNMARKED: Options = {"bos_token_id": None, "eos_token_id": None}
_FALCON: Options = {**_without("num_key_value_heads", "intermediate_size"), "ffn_hidden_size": 48}
SLIDING: Options = {"layer_types": ["sliding_attention", "full_attention"] * 2, "sliding_window": 4}

# By name: the type, the options of the smallest network that has all that the type has.
DECODERS: dict[str, tuple[str, Options]] = {
    "llama": ("llama", WIDE),
    "mistral": ("mistral", {**WIDE, "sliding_window": 4}),
    "mixtral": ("mixtral", {**WIDE, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}),
    "qwen2": ("qwen2", WIDE),
    "qwen2-sliding": ("qwen2", {**WIDE, **SLIDING, "use_sliding_window": True}),
    "qwen3": ("qwen3", {**WIDE, "head_dim": 8}),
    "gemma": ("gemma", {**WIDE, "head_dim": 8}),
    "gemma2": ("gemma2", {**WIDE, **SLIDING, "head_dim": 8}),
    "gemma3": ("gemma3_text", {**WIDE, **SLIDING, "head_dim": 8}),
    "phi": ("phi", WIDE),
    "phi3": ("phi3", WIDE),
    "gpt2": ("gpt2", {**_GPT, **_UNMARKED}),
    "gpt_neox": ("gpt_neox", _without("num_key_value_heads")),
    "gpt_neox-sequential": ("gpt_neox", {**_without("num_key_value_heads"), "use_parallel_residual": False}),
    "opt": (
        "opt",
        {**_without("intermediate_size", "num_key_value_heads"), "ffn_dim": 48, "word_embed_proj_dim": 32},
    ),
    "bloom": ("bloom", {"hidden_size": 32, "n_layer": 4, "n_head": 4, "vocab_size": 50, **_UNMARKED}),
    "falcon": ("falcon", {**_FALCON, "multi_query": True}),
    "falcon-sequential": ("falcon", {**_FALCON, "parallel_attn": False, "alibi": True}),
    "falcon-new": ("falcon", {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "falcon-one-norm": (
        "falcon",
        {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2, "num_ln_in_parallel_attn": 1},
    ),
    "olmo": ("olmo", WIDE),
    "olmo2": ("olmo2", WIDE),
    "stablelm": ("stablelm", WIDE),
    "stablelm-parallel": ("stablelm", {**WIDE, "use_parallel_residual": True}),
}
VOCABULARY = 50
BLOCKS = 4


def decoder(name: str = "llama", device: str = "cpu", seed: int = 0) -> nn.Module:
    """A decoder of four blocks, width 32, 50 tokens; eval mode, seeded weights of which none is at a neutral start."""
    kind, options = DECODERS[name]
    net = create(f"hf-config:{kind}", options, {}, seed=seed, device=device)
    if device != "meta":
        generator = torch.Generator().manual_seed(seed + 2)
        with torch.no_grad():
            for parameter in net.parameters():  # scales and biases at their start would hide what they do
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return net


def token_ids(items: int = 2, length: int = 12, seed: int = 1) -> Tensor:
    """Seeded token ids (items, length)."""
    return torch.randint(VOCABULARY, (items, length), generator=torch.Generator().manual_seed(seed))


def logits(net: nn.Module, ids: Tensor, mask: Tensor | None = None) -> Tensor:
    """What a decoder says of the next token at every place, (items, length, vocabulary)."""
    with torch.no_grad():
        found: Tensor = net(ids, attention_mask=mask, use_cache=False).logits
    return found
