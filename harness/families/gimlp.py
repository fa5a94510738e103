"""CycleMLP and giMLP: token mixing, MLPs and attention, and the gates that are a part of the last two."""

from __future__ import annotations

from harness.families.base import Branch, Family, Layout
from harness.families.branches import ATTENTION, MLP
from harness.families.vision_transformer import HOME

_GIMLP = "harness.architectures.gimlp"

_NOTE = "a `gate` is a factor inside another branch: what it multiplies goes on as it is where it is removed"
_CYCLE = Layout(
    (
        Branch("token_mixer", "attn", ("norm1", "attn", "drop_path1")),
        Branch("gate", "mlp.gate", ("mlp.gate",), within="mlp", hands_on=True),
        MLP,
    ),
    notes=(_NOTE,),
)
_GATED = Layout(
    (
        Branch("gate", "attn.query_gate", ("attn.query_gate",), within="attn", hands_on=True),
        Branch("gate", "attn.key_gate", ("attn.key_gate",), within="attn", hands_on=True),
        ATTENTION,
        MLP,
    ),
    notes=(_NOTE,),
)

FAMILIES: tuple[Family, ...] = (
    Family("gimlp", (f"{_GIMLP}.CycleMlp",), {f"{_GIMLP}.Block": _CYCLE}),
    Family("gi_attention", ("harness.architectures.gi_attention.GiVisionTransformer",), {f"{HOME}.Block": _GATED}),
)
