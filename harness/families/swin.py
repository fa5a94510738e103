"""Windowed transformers of timm: Swin, Swin V2 in both implementations, GC ViT, DaViT and TinyViT."""

from __future__ import annotations

from harness.families.base import Branch, Family, Layout, Refusal

# The windows are cut and joined by a method of the block: it gives nothing at once. The stream is channels last.
_SWIN = Layout(
    (
        Branch("attention", "attn", ("norm1", "attn", "drop_path1"), head="_attn"),
        Branch("mlp", "mlp", ("norm2", "mlp", "drop_path2")),
    )
)
# x + drop_path(norm(attn(x))): the unit is the normalised output.
_SWIN_V2 = Layout(
    (
        Branch("attention", "attn", ("attn", "norm1", "drop_path1"), head="_attn", entry="."),
        Branch("mlp", "mlp", ("mlp", "norm2", "drop_path2")),
    )
)
# As above; some blocks end in a further norm of the stream itself, which is no branch and stays.
_SWIN_V2_CR = Layout(
    (
        Branch("attention", "attn", ("attn", "norm1", "drop_path1"), head="_shifted_window_attn", entry="."),
        Branch("mlp", "mlp", ("mlp", "norm2", "drop_path2")),
    )
)
_GLOBAL = Layout(
    (
        Branch("attention", "attn", ("norm1", "attn", "ls1", "drop_path1"), head="_window_attn"),
        Branch("mlp", "mlp", ("norm2", "mlp", "ls2", "drop_path2")),
    )
)
# Both have a convolutional position code before each branch, which stays. The windows are cut in the block's own code.
_DUAL = Layout(
    (
        Branch("attention", "attn", ("norm1", "attn", "drop_path1"), head="drop_path1"),
        Branch("mlp", "mlp", ("norm2", "mlp", "drop_path2")),
    )
)
# The norms are inside attention and MLP; the convolution between them is no residual branch and stays.
_TINY = Layout(
    (
        Branch("attention", "attn", ("attn", "drop_path1"), head="drop_path1", entry="."),
        Branch("mlp", "mlp", ("mlp", "drop_path2")),
    )
)
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
