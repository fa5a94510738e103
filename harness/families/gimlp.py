"""CycleMLP and giMLP: token mixing, MLPs and attention, and the gates that are a part of the last two."""

from __future__ import annotations

from harness.families.base import Branch, Family, Layout
from harness.families.branches import ATTENTION, MLP
from harness.families.vision_transformer import HOME

_GIMLP = "harness.architectures.gimlp"

# What a gate multiplies goes on as it is where the gate is gone.
_CYCLE = Layout(
    (
        Branch("token_mixer", "attn", ("norm1", "attn", "drop_path1")),
        MLP,
        Branch("gate", "mlp.gate", ("mlp.gate",), within="mlp", hands_on=True),
    )
)
_GATED = Layout(
    (
        ATTENTION,
        Branch("gate", "attn.query_gate", ("attn.query_gate",), within="attn", hands_on=True),
        Branch("gate", "attn.key_gate", ("attn.key_gate",), within="attn", hands_on=True),
        MLP,
    )
)

FAMILIES: tuple[Family, ...] = (
    Family("gimlp", (f"{_GIMLP}.CycleMlp",), {f"{_GIMLP}.Block": _CYCLE}),
    Family("gi_attention", ("harness.architectures.gi_attention.GiVisionTransformer",), {f"{HOME}.Block": _GATED}),
)
