"""Small networks whose sum is a module around the branch: EfficientViT (MIT, MSRA), SHViT, iFormer and kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.families.base import Branch, Family, Layout, Refusal

if TYPE_CHECKING:
    from torch import nn

_BARE = "nothing is added to it: it changes width or resolution"
_NOT_RESIDUAL = "its shortcut stands under the norm of the mixer itself, which is a part of the stream"


def _is_bare(block: nn.Module) -> bool:
    return "shortcut" not in dict(block.named_children())


def _is_scaled(block: nn.Module) -> bool:
    return getattr(block.get_submodule("mixer"), "gamma", None) is not None


def _has_no_skip(block: nn.Module) -> bool:
    return not getattr(block, "has_skip", False)


_RESIDUAL = Layout(
    (Branch("convolution", "main", ("pre_norm", "main")),), refusals=(Refusal(_BARE, _is_bare, "convolution"),)
)
_MIT = Layout(
    (
        Branch("attention", "context_module", ("context_module.pre_norm", "context_module.main")),
        Branch("convolution", "local_module", ("local_module.pre_norm", "local_module.main")),
    )
)
# Depth-wise convolutions and MLPs around one attention, all five residual.
_MSRA = Layout(
    (
        Branch("token_mixer", "dw0", ("dw0.m",)),
        Branch("mlp", "ffn0", ("ffn0.m",)),
        Branch("attention", "mixer", ("mixer.m",)),
        Branch("token_mixer", "dw1", ("dw1.m",)),
        Branch("mlp", "ffn1", ("ffn1.m",)),
    )
)
# Blocks of the early stages have no attention.
_SHVIT = Layout(
    (
        Branch("token_mixer", "conv", ("conv.m",)),
        Branch("attention", "mixer", ("mixer.m",)),
        Branch("mlp", "ffn", ("ffn.m",)),
    )
)
_DROPPED = Layout(
    (Branch("convolution", "main", ("main", "drop_path")),), refusals=(Refusal(_BARE, _is_bare, "convolution"),)
)
_LOW = Layout(
    (
        Branch("attention", "attn", ("attn.main", "attn.drop_path")),
        Branch("mlp", "mlp", ("mlp.main", "mlp.drop_path")),
        Branch("convolution", "local", ("local.main", "local.drop_path")),
    )
)
_CPU = Layout(
    (
        Branch("attention", "total.0.0", ("total.0.0.main", "total.0.0.drop_path")),
        Branch("mlp", "total.0.1", ("total.0.1.main", "total.0.1.drop_path")),
        Branch("convolution", "total.1", ("total.1.main", "total.1.drop_path")),
    )
)
_REPVIT = Layout(
    (
        Branch("token_mixer", "token_mixer", ("token_mixer",)),
        Branch("mlp", "channel_mixer", ("channel_mixer",)),
    ),
    refusals=(Refusal(_NOT_RESIDUAL, kind="token_mixer"),),
)
_I = "timm.models.iformer"
# x + gamma * drop_path(module(x)): the sum itself is the block of an attention, and of a position code, which stays.
_IFORMER = Layout(
    (Branch("attention", "module", ("module", "drop_path"), parameters=("gamma",), of=(f"{_I}.SHMA",)),),
)
_SCALED = "its layer scale is no parameter of the block but of a module inside"
_IFORMER_MLP = Layout(
    (Branch("mlp", "mixer", ("mixer.module", "mixer.drop_path")),), refusals=(Refusal(_SCALED, _is_scaled),)
)
_IFORMER_CONVOLUTION = Layout(
    (Branch("convolution", "mixer", ("mixer.module", "mixer.drop_path")),), refusals=(Refusal(_SCALED, _is_scaled),)
)
_UNIVERSAL = "dw_start pw_exp dw_mid se pw_proj dw_end layer_scale drop_path"
_INVERTED = Layout(
    (Branch("convolution", "pw_exp", tuple(_UNIVERSAL.split()), entry="."),),
    refusals=(Refusal(_BARE, _has_no_skip, "convolution"),),
)
# A depth-wise convolution as position code, where there is one, comes first and stays.
_MOBILE_ATTENTION = Layout(
    (Branch("attention", "attn", ("norm", "attn", "layer_scale", "drop_path")),),
    refusals=(Refusal(_BARE, _has_no_skip, "attention"),),
)
_PARTS = "timm.models._efficientnet_blocks"
_MOBILE_NET = {f"{_PARTS}.UniversalInvertedResidual": _INVERTED, f"{_PARTS}.MobileAttention": _MOBILE_ATTENTION}

FAMILIES: tuple[Family, ...] = (
    Family(
        "efficientvit_mit",
        ("timm.models.efficientvit_mit.EfficientVit", "timm.models.efficientvit_mit.EfficientVitLarge"),
        {
            "timm.models.efficientvit_mit.ResidualBlock": _RESIDUAL,
            "timm.models.efficientvit_mit.EfficientVitBlock": _MIT,
        },
    ),
    Family(
        "efficientvit_msra",
        ("timm.models.efficientvit_msra.EfficientVitMsra",),
        {"timm.models.efficientvit_msra.EfficientVitBlock": _MSRA},
    ),
    Family("shvit", ("timm.models.shvit.SHViT",), {"timm.models.shvit.BasicBlock": _SHVIT}),
    Family(
        "lowformer",
        ("timm.models.lowformer.LowFormer",),
        {"timm.models.lowformer.ResidualBlock": _DROPPED, "timm.models.lowformer.LowFormerBlock": _LOW},
    ),
    Family(
        "cpubone",
        ("timm.models.cpubone.CPUBone",),
        {"timm.models.cpubone.ResidualBlock": _DROPPED, "timm.models.cpubone.CPUBoneBlock": _CPU},
    ),
    Family("repvit", ("timm.models.repvit.RepVit",), {"timm.models.repvit.RepViTBlock": _REPVIT}),
    Family(
        "iformer",
        (f"{_I}.IFormer",),
        {f"{_I}.Residual": _IFORMER, f"{_I}.FFN": _IFORMER_MLP, f"{_I}.ConvBlock": _IFORMER_CONVOLUTION},
    ),
    Family("mobilenetv4", ("timm.models.mobilenetv3.MobileNetV3",), _MOBILE_NET),
    Family(
        "mobilenetv5",
        ("timm.models.mobilenetv5.MobileNetV5", "timm.models.mobilenetv5.MobileNetV5Encoder"),
        _MOBILE_NET,
        no_chain="maps of several depths are fused at the end",
    ),
)
