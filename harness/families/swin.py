"""Windowed transformers of timm: Swin, Swin V2 in both implementations, GC ViT, DaViT and TinyViT."""

from __future__ import annotations

from dataclasses import replace

from harness.families.base import Family, Layout, Refusal
from harness.families.branches import ATTENTION, MLP, NORMED_ATTENTION, NORMED_MLP

# The windows are cut and joined by a method of the block: it gives nothing at once. The stream is channels last.
_SWIN = Layout((replace(ATTENTION, head="_attn"), MLP))
# x + drop_path(norm(attn(x))): the unit is the normalised output.
_SWIN_V2 = Layout((replace(NORMED_ATTENTION, head="_attn", entry="."), NORMED_MLP))
# As above; some blocks end in a further norm of the stream itself, which is no branch and stays.
_SWIN_V2_CR = Layout((replace(NORMED_ATTENTION, head="_shifted_window_attn", entry="."), NORMED_MLP))
_GLOBAL = Layout((replace(ATTENTION, head="_window_attn"), MLP))
# Both have a convolutional position code before each branch, which stays. The windows are cut in the block's own code.
_DUAL = Layout((replace(ATTENTION, head="drop_path1"), MLP))
# The norms are inside attention and MLP; the convolution between them is no residual branch and stays.
_TINY = Layout((replace(ATTENTION, head="drop_path1", entry="."), MLP))
_ACTIVATED = "an activation follows the sum: without its convolutions the block would still change the stream"

FAMILIES: tuple[Family, ...] = (
    Family(
        "swin",
        ("timm.models.swin_transformer.SwinTransformer",),
        {"timm.models.swin_transformer.SwinTransformerBlock": _SWIN},
    ),
    Family(
        "swinv2",
        ("timm.models.swin_transformer_v2.SwinTransformerV2",),
        {"timm.models.swin_transformer_v2.SwinTransformerV2Block": _SWIN_V2},
    ),
    Family(
        "swinv2_cr",
        ("timm.models.swin_transformer_v2_cr.SwinTransformerV2Cr",),
        {"timm.models.swin_transformer_v2_cr.SwinTransformerV2CrBlock": _SWIN_V2_CR},
    ),
    Family(
        "gcvit",
        ("timm.models.gcvit.GlobalContextVit",),
        {"timm.models.gcvit.GlobalContextVitBlock": _GLOBAL},
        no_chain="a global query is made where a stage begins, and all blocks of the stage read it",
    ),
    Family(
        "davit",
        ("timm.models.davit.DaVit",),
        {"timm.models.davit.SpatialBlock": _DUAL, "timm.models.davit.ChannelBlock": _DUAL},
    ),
    Family(
        "tiny_vit",
        ("timm.models.tiny_vit.TinyVit",),
        {
            "timm.models.tiny_vit.TinyVitBlock": _TINY,
            "timm.models.tiny_vit.MBConv": Layout((), refusals=(Refusal(_ACTIVATED),)),
        },
    ),
)
