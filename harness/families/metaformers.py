"""MetaFormers and kin: PoolFormer, ConvFormer, CAFormer, EfficientFormer, FastViT, NextViT, SwiftFormer."""

from __future__ import annotations

from dataclasses import replace

from harness.families.base import Branch, Family, Layout
from harness.families.branches import MLP

_META = "timm.models.metaformer"
_MIXED = ("norm1", "token_mixer", "drop_path1", "layer_scale1")
# res_scale(x) + layer_scale(drop_path(f(norm(x)))): the scale of the stream stays. What f is decides its kind.
_METAFORMER = Layout(
    (
        Branch("attention", "token_mixer", _MIXED, of=(f"{_META}.Attention",)),
        Branch("token_mixer", "token_mixer", _MIXED, of=(f"{_META}.Pooling", f"{_META}.SepConv")),
        Branch("mlp", "mlp", ("norm2", "mlp", "drop_path2", "layer_scale2")),
    )
)
_ATTENTION = Branch("attention", "token_mixer", ("norm1", "token_mixer", "ls1", "drop_path1"))
_TOKENS = Layout((_ATTENTION, MLP))
_MAP = Layout((replace(_ATTENTION, kind="token_mixer"), MLP))
# The mixer is residual in itself: x + layer_scale(mixer(x) - norm(x)).
_REP_MIXER = Layout(
    (
        Branch(
            "token_mixer",
            "token_mixer",
            ("token_mixer.mixer", "token_mixer.norm", "token_mixer.layer_scale"),
            head="token_mixer.layer_scale",
        ),
        Branch("mlp", "mlp", ("mlp", "layer_scale", "drop_path")),
    )
)
_FAST_ATTENTION = Layout(
    (
        Branch("attention", "token_mixer", ("norm", "token_mixer", "layer_scale_1", "drop_path1")),
        Branch("mlp", "mlp", ("mlp", "layer_scale_2", "drop_path2")),
    )
)
# A change of width, where there is one, comes first in the block and stays.
_NEXT_CONVOLUTION = Layout(
    (
        Branch("token_mixer", "mhca", ("mhca", "attn_drop_path")),
        Branch("mlp", "mlp", ("norm", "mlp", "mlp_drop_path")),
    )
)
# Attention, then convolutional attention of a projection that is joined to the stream: the projection stays.
_NEXT_TRANSFORMER = Layout(
    (
        Branch("attention", "e_mhsa", ("norm1", "e_mhsa", "mhsa_drop_path")),
        Branch("token_mixer", "mhca", ("mhca", "mhca_drop_path")),
        Branch("mlp", "mlp", ("norm2", "mlp", "mlp_drop_path")),
    )
)
_ENCODER = "dwconv norm pwconv1 act pwconv2 layer_scale drop_path"
_SWIFT_CONVOLUTION = Layout((Branch("convolution", "dwconv", tuple(_ENCODER.split())),))
# A residual convolution of its own comes first; one module for stochastic depth serves the two branches that follow.
_SWIFT = Layout(
    (
        Branch(
            "convolution",
            "local_representation",
            tuple(f"local_representation.{name}" for name in _ENCODER.split()),
            head="local_representation.drop_path",
            entry=".",
        ),
        Branch("attention", "attn", ("attn", "layer_scale_1")),
        Branch("mlp", "linear", ("linear", "layer_scale_2")),
    ),
    shared=("drop_path",),
)

FAMILIES: tuple[Family, ...] = (
    Family("metaformer", (f"{_META}.MetaFormer",), {f"{_META}.MetaFormerBlock": _METAFORMER}),
    Family(
        "efficientformer",
        ("timm.models.efficientformer.EfficientFormer",),
        {
            "timm.models.efficientformer.MetaBlock1d": _TOKENS,
            "timm.models.efficientformer.MetaBlock2d": _MAP,
        },
    ),
    Family(
        "efficientformer_v2",
        ("timm.models.efficientformer_v2.EfficientFormerV2",),
        {"timm.models.efficientformer_v2.EfficientFormerV2Block": _TOKENS},  # no token mixer in the early stages
    ),
    Family(
        "fastvit",
        ("timm.models.fastvit.FastVit",),
        {"timm.models.fastvit.RepMixerBlock": _REP_MIXER, "timm.models.fastvit.AttentionBlock": _FAST_ATTENTION},
    ),
    Family(
        "nextvit",
        ("timm.models.nextvit.NextViT",),
        {
            "timm.models.nextvit.NextConvBlock": _NEXT_CONVOLUTION,
            "timm.models.nextvit.NextTransformerBlock": _NEXT_TRANSFORMER,
        },
    ),
    Family(
        "swiftformer",
        ("timm.models.swiftformer.SwiftFormer",),
        {"timm.models.swiftformer.ConvEncoder": _SWIFT_CONVOLUTION, "timm.models.swiftformer.Block": _SWIFT},
    ),
)
