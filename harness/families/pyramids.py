"""Pyramids of plain blocks: Twins, PVT v2, NesT, PiT, CrossViT, CoaT, LeViT, Visformer, Sequencer and FocalNet."""

from __future__ import annotations

from harness.families.base import Branch, Family, Layout, Refusal
from harness.families.branches import PRE_NORM
from harness.families.vision_transformer import HOME

# One module for stochastic depth serves both branches, so that what is seen of a branch is seen before it.
_ONE_DROP_PATH = Layout(
    (Branch("attention", "attn", ("norm1", "attn")), Branch("mlp", "mlp", ("norm2", "mlp"))),
    shared=("drop_path",),
)
# The convolutional position code is one module for all blocks of a stage, and stays.
_SERIAL = Layout(
    (
        Branch("attention", "factoratt_crpe", ("norm1", "factoratt_crpe")),
        Branch("mlp", "mlp", ("norm2", "mlp")),
    ),
    shared=("drop_path",),
)
_THREE_STREAMS = "three streams of different resolution exchange what their attentions give: no branch is one stream's"
_ONE_TOKEN = "it reads all tokens and gives the class token alone: what it adds has not the stream's shape"
_LEVIT_DOWN = Layout(
    (Branch("attention", "attn_downsample", ("attn_downsample",)), Branch("mlp", "mlp", ("mlp", "drop_path"))),
    refusals=(Refusal("it changes width and resolution, and nothing is added to it", kind="attention"),),
)
_SEQUENCER = Layout(
    (
        Branch("token_mixer", "rnn_tokens", ("norm1", "rnn_tokens")),
        Branch("mlp", "mlp_channels", ("norm2", "mlp_channels")),
    ),
    shared=("drop_path",),
)
# Focal modulation mixes tokens without attention; norms stand before or after each branch.
_FOCAL = Layout(
    (
        Branch("token_mixer", "modulation", ("norm1", "modulation", "norm1_post", "ls1", "drop_path1")),
        Branch("mlp", "mlp", ("norm2", "mlp", "norm2_post", "ls2", "drop_path2")),
    )
)
_BRANCHES = "tokens of two patch sizes pass beside each other"

FAMILIES: tuple[Family, ...] = (
    Family("twins", ("timm.models.twins.Twins",), {"timm.models.twins.Block": PRE_NORM}),
    # Its MLP holds a depth-wise convolution, which is part of it.
    Family("pvt_v2", ("timm.models.pvt_v2.PyramidVisionTransformerV2",), {"timm.models.pvt_v2.Block": PRE_NORM}),
    Family("nest", ("timm.models.nest.Nest",), {"timm.models.nest.TransformerLayer": PRE_NORM}),
    Family("pit", ("timm.models.pit.PoolingVisionTransformer",), {f"{HOME}.Block": PRE_NORM}),
    Family(
        "crossvit",
        ("timm.models.crossvit.CrossVit",),
        {
            f"{HOME}.Block": PRE_NORM,
            "timm.models.crossvit.CrossAttentionBlock": Layout((), refusals=(Refusal(_ONE_TOKEN),)),
        },
        no_chain=_BRANCHES,
    ),
    Family(
        "coat",
        ("timm.models.coat.CoaT",),
        {
            "timm.models.coat.SerialBlock": _SERIAL,
            "timm.models.coat.ParallelBlock": Layout((), refusals=(Refusal(_THREE_STREAMS),)),
        },
        no_chain="where there are parallel blocks, all of them read the outputs of three stages",
    ),
    Family(
        "levit",
        ("timm.models.levit.Levit", "timm.models.levit.LevitDistilled"),
        # The norms are folded into the projections.
        {"timm.models.levit.LevitBlock": PRE_NORM, "timm.models.levit.LevitDownsample": _LEVIT_DOWN},
    ),
    Family("visformer", ("timm.models.visformer.Visformer",), {"timm.models.visformer.Block": _ONE_DROP_PATH}),
    Family("sequencer", ("timm.models.sequencer.Sequencer2d",), {"timm.models.sequencer.Sequencer2dBlock": _SEQUENCER}),
    Family("focalnet", ("timm.models.focalnet.FocalNet",), {"timm.models.focalnet.FocalNetBlock": _FOCAL}),
)
