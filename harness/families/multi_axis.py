"""Networks of convolutions and attention: CoAtNet, MaxViT and their relatives (`maxxvit`), and both MobileViTs."""

from __future__ import annotations

from dataclasses import replace

from harness.families.base import Branch, Family, Layout, Refusal
from harness.families.branches import ATTENTION, CHANGED, MLP, PRE_NORM, changes
from harness.families.vision_transformer import HOME

_MBCONV = "pre_norm down conv1_1x1 norm1 conv2_kxk se_early norm2 se conv3_1x1 drop_path"
# One residual branch mixes tokens and channels; nothing inside it is residual.
_CONVOLUTION = Layout(
    (Branch("convolution", "conv", tuple(_MBCONV.split()), entry="."),),
    refusals=(Refusal(CHANGED, changes, "convolution"),),
)
_CONVNEXT = Layout(
    (Branch("convolution", "conv_dw", ("down", "conv_dw", "norm", "mlp", "ls", "drop_path"), entry="."),),
    refusals=(Refusal(CHANGED, changes, "convolution"),),
)
_TRANSFORMER = replace(PRE_NORM, refusals=(Refusal(CHANGED, changes, "attention"),))
_PARTITION = Layout((replace(ATTENTION, head="_partition_attn"), MLP))
# Attention over blocks and over a grid, each for half of the channels, side by side: one branch.
_BOTH_PARTITIONS = Layout(
    (
        Branch(
            "attention",
            "attn_block",
            ("norm1", "attn_block", "attn_grid", "ls1", "drop_path1"),
            head="_partition_attn",
        ),
        MLP,
    )
)
# The first axis of these tokens is item times place in a patch.
_FOLDED = Layout(tuple(replace(branch, is_folded=True) for branch in PRE_NORM.branches))

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
        {f"{HOME}.Block": _FOLDED, "timm.models.mobilevit.LinearTransformerBlock": PRE_NORM},
        no_chain="what enters a block of convolutions and transformers is joined to what its transformers give",
        modules=("mobilevit",),
    ),
)
