"""Transformers whose attention pools its queries where a stage begins (MViT v2, Hiera in both forms), and VOLO."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.families.base import Family, Layout, Refusal
from harness.families.branches import ATTENTION, MLP, PRE_NORM

if TYPE_CHECKING:
    from torch import nn

_POOLED = "its attention changes width or resolution, and so does what it is added to"
_WIDENED = "its MLP changes the width, and so does what it is added to"


def _pools(block: nn.Module) -> bool:
    parts = dict(block.named_children())
    return "shortcut_proj_attn" in parts or "shortcut_pool_attn" in parts


def _widens(block: nn.Module) -> bool:
    return "shortcut_proj_mlp" in dict(block.named_children())


def _expands(block: nn.Module) -> bool:
    return bool(getattr(block, "do_expand", False))


def _differs(block: nn.Module) -> bool:
    return bool(getattr(block, "dim", None) != getattr(block, "dim_out", None) or getattr(block, "q_stride", None))


# The attention takes and gives the size of its map beside the tokens, and so does the block.
_MVIT = Layout(
    (replace(ATTENTION, head="attn", passes=(1,)), MLP),
    returns=(0, 1),
    refusals=(Refusal(_POOLED, _pools, "attention"), Refusal(_WIDENED, _widens, "mlp")),
)
_HIERA = replace(PRE_NORM, refusals=(Refusal(_POOLED, _expands, "attention"),))
# Windows are cut and joined in the block's own code, between the norm and the layer scale.
_HIERA_DET = Layout(
    (replace(ATTENTION, head="ls1"), MLP),
    refusals=(Refusal(_POOLED, _differs, "attention"),),
)
# All tokens are read, the class token alone is written.
_VOLO_CLASS = Layout((replace(ATTENTION, tokens=1), MLP))

FAMILIES: tuple[Family, ...] = (
    Family("mvitv2", ("timm.models.mvitv2.MultiScaleVit",), {"timm.models.mvitv2.MultiScaleBlock": _MVIT}),
    Family("hiera", ("timm.models.hiera.Hiera",), {"timm.models.hiera.HieraBlock": _HIERA}),
    Family(
        "hieradet", ("timm.models.hieradet_sam2.HieraDet",), {"timm.models.hieradet_sam2.MultiScaleBlock": _HIERA_DET}
    ),
    Family(
        "volo",
        ("timm.models.volo.VOLO",),
        {
            # Outlook attention and self-attention of a map, channels last.
            "timm.models.volo.Outlooker": PRE_NORM,
            "timm.models.volo.Transformer": PRE_NORM,
            "timm.models.volo.ClassBlock": _VOLO_CLASS,
        },
    ),
)
