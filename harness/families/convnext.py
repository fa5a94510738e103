"""Networks of one residual branch a block that mixes tokens and channels: ConvNeXt, MambaOut, StarNet and their like.

Nothing inside such a branch is residual: its MLP, or its depth-wise convolution, cannot go alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.families.base import Branch, Family, Layout, Refusal
from harness.families.branches import CHANGED, changes

if TYPE_CHECKING:
    from torch import nn


def _moves_its_shortcut(block: nn.Module) -> bool:
    return bool(getattr(block, "shortcut_after_dw", False))


def _downsamples(block: nn.Module) -> bool:
    return bool(getattr(block, "downsample", False))


_CONVNEXT = Layout(
    (Branch("convolution", "conv_dw", ("conv_dw", "norm", "mlp", "drop_path"), parameters=("gamma",)),),
    refusals=(Refusal(CHANGED, changes, "convolution"),),
)
_INCEPTION = Layout(
    (Branch("convolution", "token_mixer", ("token_mixer", "norm", "mlp", "drop_path"), parameters=("gamma",)),)
)
_EDGE_CONVOLUTION = Layout(
    (Branch("convolution", "conv_dw", ("conv_dw", "norm", "mlp", "drop_path"), parameters=("gamma",)),),
    refusals=(Refusal(CHANGED, _moves_its_shortcut, "convolution"),),
)
# Split convolutions, a channel attention added inside the branch, and an MLP: one sum with the stream, at the end.
_EDGE_SPLIT = Layout(
    (
        Branch(
            "convolution",
            "convs",
            ("convs", "pos_embd", "norm_xca", "xca", "norm", "mlp", "drop_path"),
            call=1,
            entry=".",
            parameters=("gamma_xca", "gamma"),
        ),
    )
)
_GATED = Layout((Branch("convolution", "conv", ("norm", "fc1", "conv", "act", "fc2", "ls", "drop_path")),))
_STAR = Layout((Branch("convolution", "dwconv", ("dwconv", "f1", "f2", "act", "g", "dwconv2", "drop_path")),))
_FASTER = Layout(
    (
        Branch(
            "convolution",
            "spatial_mixing",
            ("spatial_mixing", "mlp", "drop_path"),
            entry=".",
            parameters=("layer_scale",),
        ),
    )
)
# A depth-wise convolution is added to the stream; the projection that follows it is not residual and stays.
_CONVMIXER = Layout((Branch("token_mixer", "fn", ("fn",)),))
_CSAT = "dwconv norm pwconv1 act grn pwconv2 attn ls drop_path"
_CSAT_CONVOLUTION = Layout((Branch("convolution", "dwconv", tuple(_CSAT.split())),))
_CSAT_TRANSFORMER = Layout(
    (
        Branch("attention", "attn", ("norm1", "pos_embed", "attn", "ls1", "drop_path1"), tap="ls1"),
        Branch("mlp", "mlp", ("norm2", "mlp", "ls2", "drop_path2"), tap="ls2"),
    ),
    refusals=(Refusal(CHANGED, _downsamples, "attention"),),
)

FAMILIES: tuple[Family, ...] = (
    Family("convnext", ("timm.models.convnext.ConvNeXt",), {"timm.models.convnext.ConvNeXtBlock": _CONVNEXT}),
    Family(
        "inception_next",
        ("timm.models.inception_next.MetaNeXt",),
        {"timm.models.inception_next.MetaNeXtBlock": _INCEPTION},
    ),
    Family(
        "edgenext",
        ("timm.models.edgenext.EdgeNeXt",),
        {
            "timm.models.edgenext.ConvBlock": _EDGE_CONVOLUTION,
            "timm.models.edgenext.SplitTransposeBlock": _EDGE_SPLIT,
        },
    ),
    Family("mambaout", ("timm.models.mambaout.MambaOut",), {"timm.models.mambaout.GatedConvBlock": _GATED}),
    Family("starnet", ("timm.models.starnet.StarNet",), {"timm.models.starnet.Block": _STAR}),
    Family("fasternet", ("timm.models.fasternet.FasterNet",), {"timm.models.fasternet.MLPBlock": _FASTER}),
    Family("convmixer", ("timm.models.convmixer.ConvMixer",), {"timm.models.convmixer.Residual": _CONVMIXER}),
    Family(
        "csatv2",
        ("timm.models.csatv2.CSATv2",),
        {"timm.models.csatv2.Block": _CSAT_CONVOLUTION, "timm.models.csatv2.TransformerBlock": _CSAT_TRANSFORMER},
    ),
)
