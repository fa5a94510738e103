"""Networks of convolutions and attention: CoAtNet, MaxViT and their relatives (`maxxvit`), and both MobileViTs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.families.base import Branch, Family, Layout, Refusal
from harness.families.vision_transformer import HOME, PRE_NORM

if TYPE_CHECKING:
    from torch import nn

_CHANGED = "it changes width or resolution, and so does its shortcut"
_MBCONV = "pre_norm down conv1_1x1 norm1 conv2_kxk se_early norm2 se conv3_1x1 drop_path"


def _changes(block: nn.Module) -> bool:
    return type(block.get_submodule("shortcut")).__name__ != "Identity"


# One residual branch mixes tokens and channels; nothing inside it is residual.
_CONVOLUTION = Layout(
    (Branch("convolution", "conv", tuple(_MBCONV.split()), entry="."),),
    refusals=(Refusal(_CHANGED, _changes, "convolution"),),
)
_CONVNEXT = Layout(
    (Branch("convolution", "conv_dw", ("down", "conv_dw", "norm", "mlp", "ls", "drop_path"), entry="."),),
    refusals=(Refusal(_CHANGED, _changes, "convolution"),),
)
_TRANSFORMER = Layout(
    (
        Branch("attention", "attn", ("norm1", "attn", "ls1", "drop_path1")),
        Branch("mlp", "mlp", ("norm2", "mlp", "ls2", "drop_path2")),
    ),
    refusals=(Refusal(_CHANGED, _changes, "attention"),),
)
_PARTITION = Layout(
    (
        Branch("attention", "attn", ("norm1", "attn", "ls1", "drop_path1"), head="_partition_attn"),
        Branch("mlp", "mlp", ("norm2", "mlp", "ls2", "drop_path2")),
    )
)
# Attention over blocks and over a grid, each for half of the channels, side by side: one branch.
_BOTH_PARTITIONS = Layout(
    (
        Branch(
            "attention",
            "attn_block",
            ("norm1", "attn_block", "attn_grid", "ls1", "drop_path1"),
            head="_partition_attn",
        ),
        Branch("mlp", "mlp", ("norm2", "mlp", "ls2", "drop_path2")),
    )
)
# The first axis of these tokens is item times place in a patch.
_FOLDED = Layout(tuple(replace(branch, is_folded=True) for branch in PRE_NORM.branches))
_LINEAR = Layout(
    (
        Branch("attention", "attn", ("norm1", "attn", "drop_path1")),
        Branch("mlp", "mlp", ("norm2", "mlp", "drop_path2")),
    )
)

FAMILIES: tuple[Family, ...] = (
    Family(
        "maxxvit",
        ("timm.models.maxxvit.MaxxVit",),
        {
            "timm.models.maxxvit.MbConvBlock": _CONVOLUTION,
            "timm.models.maxxvit.ConvNeXtBlock": _CONVNEXT,
            "timm.models.maxxvit.TransformerBlock2d": _TRANSFORMER,
            "timm.models.maxxvit.PartitionAttentionCl": _PARTITION,
            "timm.models.maxxvit.PartitionAttention2d": _PARTITION,
            "timm.models.maxxvit.ParallelPartitionAttention": _BOTH_PARTITIONS,
        },
    ),
    # Its transformers stand inside blocks of convolutions.
    Family(
        "mobilevit",
        ("timm.models.byobnet.ByobNet",),
        {f"{HOME}.Block": _FOLDED, "timm.models.mobilevit.LinearTransformerBlock": _LINEAR},
        no_chain="what enters a block of convolutions and transformers is joined to what its transformers give",
        modules=("mobilevit",),
    ),
)
