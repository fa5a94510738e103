"""giMLP in attention: keys and queries of a vision transformer's last layers, corrected by gates with inhibition.

"giMLPs: Gate with Inhibition Mechanism in MLPs", arXiv 2208.00929, gates language models in this way when it fine-tunes
them (BERT, RoBERTa, DeBERTa); here it is DeiT, whose attention is the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from timm.layers.attention import Attention as PlainAttention
from timm.layers.weight_init import trunc_normal_
from timm.models import generate_default_cfgs, register_model
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from harness.architectures.attention import Attention
from harness.architectures.building import built, check_choice, configuration
from harness.architectures.inhibition import Gate, Inhibition

LAYER_RULES = ("last", "code")


@dataclass(frozen=True)
class GateOptions:
    """Which of keys and queries are gated, in how many of the last layers (None: all), and at which inhibition level.

    Under the `layer_rule` of the published `code` a layer is gated if its index, from 0, is above the number of layers
    less `gi_layer_num`: one fewer than it says.
    """

    gi_key_side: bool = True
    gi_query_side: bool = True
    gi_layer_num: int | None = None
    layer_rule: Literal["last", "code"] = "last"
    inhibition_level: float = 0.3
    inhibition_scope: Literal["tensor", "sample", "token"] = "tensor"

    def __post_init__(self) -> None:
        check_choice("layer_rule", self.layer_rule, LAYER_RULES)
        if not (self.gi_key_side or self.gi_query_side):
            raise ValueError("gi_key_side and gi_query_side are both false: nothing is gated")

    def gated(self, layers: int) -> range:
        """Indices of the gated layers of so many."""
        asked = layers if self.gi_layer_num is None else self.gi_layer_num
        if not 1 <= asked <= layers:
            raise ValueError(f"gi_layer_num must be between 1 and the number of layers, {layers}, not {asked}")
        return range(layers - asked + (self.layer_rule == "code"), layers)

    def gate(self, width: int) -> Gate:
        """sel = gelu(i - r max(i)) + 1, of square projections."""
        gate = Gate(width, width, Inhibition(self.inhibition_level, self.inhibition_scope), is_correction=True)
        for linear in (gate.gate, gate.inhibition):
            trunc_normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)
        return gate


class GatedAttention(Attention):
    """Attention with K = sel_K(x) (W_K x + b_K), and the same with gates of their own for Q; V as it was."""

    def __init__(self, plain: Any, options: GateOptions) -> None:
        width = plain.qkv.in_features
        super().__init__(width, plain.num_heads)
        self.qkv, self.proj = plain.qkv, plain.proj
        self.query_gate = options.gate(width) if options.gi_query_side else None
        self.key_gate = options.gate(width) if options.gi_key_side else None

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        """Tokens (n, tokens, width) to the same shape; timm's blocks say that they have no mask."""
        if attn_mask is not None or is_causal:
            raise ValueError("gated attention sees all tokens, and takes no mask")
        return super().forward(x)

    def projected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gated queries and keys, and values."""
        query, key, value = super().projected(x)
        query = query if self.query_gate is None else self.query_gate(query, x)
        key = key if self.key_gate is None else self.key_gate(key, x)
        return query, key, value


class GiVisionTransformer(VisionTransformer):
    """timm's vision transformer with gated attention; GateOptions, and timm's options for all else."""

    __signature__ = inspect.Signature(
        [
            *inspect.signature(GateOptions).parameters.values(),
            *inspect.signature(VisionTransformer).parameters.values(),
        ]
    )

    def __init__(self, **options: Any) -> None:
        names = inspect.signature(GateOptions).parameters
        asked = GateOptions(**{name: options.pop(name) for name in names if name in options})
        super().__init__(**options)
        for at in asked.gated(len(self.blocks)):
            plain: Any = self.blocks[at].attn
            _check_plain(plain)
            self.blocks[at].attn = GatedAttention(plain, asked)


def _check_plain(attention: Any) -> None:
    """Raises ValueError for what attention of timm's may have and a gated one has not."""
    if type(attention) is not PlainAttention or attention.gate is not None:
        raise ValueError("gates are of plain projections; leave attn_layer out")
    norms = {"qk_norm": attention.q_norm, "scale_attn_norm": attention.norm}
    rates = {"attn_drop_rate": attention.attn_drop, "proj_drop_rate": attention.proj_drop}
    asked = [name for name, part in norms.items() if not isinstance(part, nn.Identity)]
    asked += [name for name, part in rates.items() if part.p]
    if asked:
        raise ValueError(f"gates are of plain projections; leave {', '.join(asked)} out")


_DEIT: dict[str, Any] = {"patch_size": 16, "depth": 12}
TABLE: dict[str, dict[str, Any]] = {
    "gi_deit_tiny": {**_DEIT, "embed_dim": 192, "num_heads": 3},
    "gi_deit_small": {**_DEIT, "embed_dim": 384, "num_heads": 6},
    "gi_deit_base": {**_DEIT, "embed_dim": 768, "num_heads": 12},
}
default_cfgs = generate_default_cfgs(
    {name: configuration(224, "patch_embed.proj", "head", fixed_input_size=True) for name in TABLE}
)


def _registered(name: str) -> Callable[..., GiVisionTransformer]:
    def entry(pretrained: bool = False, **options: Any) -> GiVisionTransformer:
        return built(GiVisionTransformer, name, TABLE[name], pretrained, options)

    entry.__name__ = name
    return register_model(entry)


ENTRIES = tuple(map(_registered, TABLE))
