"""Decoders of transformers: attention and MLP of the blocks of language models, cached by `layer_idx`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.families.base import Family
from harness.families.layout import Branch, Layout, Refusal

if TYPE_CHECKING:
    from torch import nn

HOME = "transformers.models"
_ONE_NORM = "where attention and MLP share a norm it stays until both go, and there is no form `identity`"
_NORMED = "it norms the sum, so that the stream would still be normed without the branch"


def _norms_sums(block: nn.Module) -> bool:
    return not block.do_layer_norm_before


def _is_parallel(block: nn.Module) -> bool:
    return bool(block.use_parallel_residual)


# Attention gives its output and the weights that nobody asked for; what is added comes out of its last projection.
_ATTENTION = Branch(
    "attention", "self_attn", ("input_layernorm", "self_attn"), head="self_attn", passes=(None,), tap="self_attn.o_proj"
)
_MLP = Branch("mlp", "mlp", ("post_attention_layernorm", "mlp"))
# x + f(norm(x)).
PRE_NORM = Layout((_ATTENTION, _MLP))
EXPERTS = replace(PRE_NORM, notes=("the MLP is the router with all its experts",))
# x + norm(f(norm(x))).
BETWEEN_NORMS = Layout(
    (
        replace(_ATTENTION, modules=("input_layernorm", "self_attn", "post_attention_layernorm"), tap=""),
        replace(_MLP, modules=("pre_feedforward_layernorm", "mlp", "post_feedforward_layernorm")),
    )
)
# x + norm(f(x)).
POST_NORM = Layout(
    (
        replace(_ATTENTION, modules=("self_attn", "post_attention_layernorm"), tap="", entry="."),
        replace(_MLP, modules=("mlp", "post_feedforward_layernorm")),
    )
)
# x + attention(norm(x)) + mlp(norm(x)), with one norm.
_PARALLEL_ATTENTION = replace(_ATTENTION, modules=("self_attn",), entry=".", reads_shared=True)
_PARALLEL_MLP = Branch("mlp", "mlp", ("mlp",), entry=".")

PHI = Layout(
    (replace(_PARALLEL_ATTENTION, tap="self_attn.dense"), _PARALLEL_MLP),
    shared=("input_layernorm", "resid_dropout"),
    notes=(_ONE_NORM,),
)
PHI3 = Layout(
    (
        replace(_ATTENTION, modules=("input_layernorm", "self_attn", "resid_attn_dropout"), tap=""),
        replace(_MLP, modules=("post_attention_layernorm", "mlp", "resid_mlp_dropout")),
    )
)
STABLELM = Layout(
    (_ATTENTION, replace(_MLP, modules=("post_attention_layernorm", "mlp", "dropout"))),
    variants=(
        (
            _is_parallel,
            Layout(
                (_PARALLEL_ATTENTION, replace(_PARALLEL_MLP, modules=("mlp", "dropout"))), shared=("input_layernorm",)
            ),
        ),
    ),
    notes=(_ONE_NORM,),
)
GPT2 = Layout(
    (
        Branch("attention", "attn", ("ln_1", "attn"), head="attn", passes=(None,), tap="attn.resid_dropout"),
        Branch("mlp", "mlp", ("ln_2", "mlp")),
    )
)
# In both forms, parallel or one after the other, each branch has a norm of its own.
GPT_NEOX = Layout(
    (
        Branch(
            "attention",
            "attention",
            ("input_layernorm", "attention", "post_attention_dropout"),
            head="attention",
            passes=(None,),
        ),
        Branch("mlp", "mlp", ("post_attention_layernorm", "mlp", "post_mlp_dropout")),
    )
)
# The MLP stands in the block itself, and sees all tokens of all items in one row.
OPT = Layout(
    (
        replace(_ATTENTION, modules=("self_attn_layer_norm", "self_attn"), tap="self_attn.out_proj"),
        Branch("mlp", "fc1", ("final_layer_norm", "fc1", "activation_fn", "fc2"), is_folded=True),
    ),
    refusals=(Refusal(_NORMED, _norms_sums),),
)
# Attention and MLP add to the stream themselves.
BLOOM = Layout(
    (
        Branch(
            "attention",
            "self_attention",
            ("input_layernorm", "self_attention"),
            head="self_attention",
            passes=(None,),
            onto=1,
            tap="self_attention.dense",
            entry=".",
        ),
        Branch("mlp", "mlp", ("post_attention_layernorm", "mlp"), head="mlp", onto=1, tap="mlp.dense_4h_to_h"),
    ),
    returns=(0, None),
    refusals=(
        Refusal(
            "its shortcut starts behind the norm, so that the stream would still be normed",
            lambda block: bool(block.apply_residual_connection_post_layernorm),
        ),
    ),
)
_FALCON_ATTENTION = Branch(
    "attention",
    "self_attention",
    ("input_layernorm", "self_attention"),
    head="self_attention",
    passes=(None,),
    tap="self_attention.dense",
)
FALCON = Layout(
    (_FALCON_ATTENTION, _MLP),
    returns=(0, None),
    variants=(
        (
            lambda block: hasattr(block, "ln_attn"),
            Layout(
                (
                    replace(_FALCON_ATTENTION, modules=("ln_attn", "self_attention")),
                    replace(_MLP, modules=("ln_mlp", "mlp")),
                ),
                returns=(0, None),
            ),
        ),
        (
            lambda block: not hasattr(block, "post_attention_layernorm"),
            Layout(
                (
                    replace(_FALCON_ATTENTION, modules=("self_attention",), entry=".", reads_shared=True),
                    _PARALLEL_MLP,
                ),
                returns=(0, None),
                shared=("input_layernorm",),
            ),
        ),
    ),
    notes=(_ONE_NORM,),
)


def _family(name: str, model: str, block: str, layout: Layout, container: str = "model.layers") -> Family:
    package = name.removesuffix("_text")
    home = f"{HOME}.{package}.modeling_{package}"
    return Family(name, (f"{home}.{model}",), {f"{home}.{block}": layout}, (container,))


FAMILIES: tuple[Family, ...] = (
    _family("llama", "LlamaForCausalLM", "LlamaDecoderLayer", PRE_NORM),
    _family("mistral", "MistralForCausalLM", "MistralDecoderLayer", PRE_NORM),
    _family("mixtral", "MixtralForCausalLM", "MixtralDecoderLayer", EXPERTS),
    _family("qwen2", "Qwen2ForCausalLM", "Qwen2DecoderLayer", PRE_NORM),
    _family("qwen3", "Qwen3ForCausalLM", "Qwen3DecoderLayer", PRE_NORM),
    _family("gemma", "GemmaForCausalLM", "GemmaDecoderLayer", PRE_NORM),
    _family("gemma2", "Gemma2ForCausalLM", "Gemma2DecoderLayer", BETWEEN_NORMS),
    _family("gemma3_text", "Gemma3ForCausalLM", "Gemma3DecoderLayer", BETWEEN_NORMS),
    _family("phi", "PhiForCausalLM", "PhiDecoderLayer", PHI),
    _family("phi3", "Phi3ForCausalLM", "Phi3DecoderLayer", PHI3),
    _family("gpt2", "GPT2LMHeadModel", "GPT2Block", GPT2, "transformer.h"),
    _family("gpt_neox", "GPTNeoXForCausalLM", "GPTNeoXLayer", GPT_NEOX, "gpt_neox.layers"),
    _family("opt", "OPTForCausalLM", "OPTDecoderLayer", OPT, "model.decoder.layers"),
    _family("bloom", "BloomForCausalLM", "BloomBlock", BLOOM, "transformer.h"),
    _family("falcon", "FalconForCausalLM", "FalconDecoderLayer", FALCON, "transformer.h"),
    _family("olmo", "OlmoForCausalLM", "OlmoDecoderLayer", PRE_NORM),
    _family("olmo2", "Olmo2ForCausalLM", "Olmo2DecoderLayer", POST_NORM),
    _family("stablelm", "StableLmForCausalLM", "StableLmDecoderLayer", STABLELM),
)
