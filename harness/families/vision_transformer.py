"""Vision transformers of timm's own module, DeiT's distilled ones, hybrids, and networks around the same blocks."""

from __future__ import annotations

from dataclasses import replace

from harness.families.base import Branch, Family, Layout, Refusal
from harness.families.branches import ATTENTION, CHANGED, MLP, POST_NORM, PRE_NORM, changes
from harness.families.eva import EVA_BLOCKS

# Attention and MLP come out of one projection, and mostly go into one: the one cannot be had without the other.
_FUSED = """in_norm in_proj q_norm k_norm attn_drop sub_norm mlp_drop mlp_act attn_out_proj mlp_out_proj out_proj ls
    drop_path"""
FUSED = Layout(
    (
        Branch(
            "fused",
            "fused",
            tuple(_FUSED.split()),
            parameters=("mlp_bias", "lambda_a", "lambda_b", "lambda_q1", "lambda_k1", "lambda_q2", "lambda_k2"),
        ),
    ),
    notes=("attention and MLP share their first projection: they go together, as the kind `fused`",),
)
# x + the sum of several attentions of the same x, then the same with MLPs.
PARALLEL = Layout((Branch("attention", "attns.*", ("attns.*",)), Branch("mlp", "ffns.*", ("ffns.*",))))
# The convolutions that ViTamin has in place of a patch embedding.
MBCONV = Layout(
    (
        Branch(
            "convolution",
            "conv2_kxk",
            ("pre_norm", "down", "conv1_1x1", "act1", "conv2_kxk", "act2", "conv3_1x1", "drop_path"),
        ),
    ),
    refusals=(Refusal(CHANGED, changes),),
)

HOME = "timm.models.vision_transformer"
BLOCKS = {
    f"{HOME}.Block": PRE_NORM,
    f"{HOME}.ResPostBlock": POST_NORM,
    f"{HOME}.ParallelScalingBlock": FUSED,
    f"{HOME}.DiffParallelScalingBlock": FUSED,
    f"{HOME}.ParallelThingsBlock": PARALLEL,
}

FAMILIES: tuple[Family, ...] = (
    Family(
        name="vision_transformer",
        model_classes=(f"{HOME}.VisionTransformer", "timm.models.deit.VisionTransformerDistilled"),
        layouts={**BLOCKS, "timm.models.vitamin.MbConvLNBlock": MBCONV},
        containers=("blocks",),
        modules=("vision_transformer", "deit", "vision_transformer_hybrid", "vitamin"),
    ),
    Family(
        name="naflexvit",
        model_classes=("timm.models.naflexvit.NaFlexVit",),
        layouts={**BLOCKS, **EVA_BLOCKS},
        containers=("blocks",),
    ),
    Family(
        name="vision_transformer_relpos",
        model_classes=("timm.models.vision_transformer_relpos.VisionTransformerRelPos",),
        layouts={
            "timm.models.vision_transformer_relpos.RelPosBlock": PRE_NORM,
            "timm.models.vision_transformer_relpos.ResPostRelPosBlock": POST_NORM,
        },
        containers=("blocks",),
    ),
    Family(
        name="vision_transformer_sam",
        model_classes=("timm.models.vision_transformer_sam.VisionTransformerSAM",),
        layouts={
            # Windows are cut between the norm and the attention, and joined after the scale: the norm alone still runs
            # as an identity, so that the cut sees a tensor.
            "timm.models.vision_transformer_sam.Block": Layout(
                (replace(ATTENTION, head="attn", windows="window_size"), MLP)
            )
        },
        containers=("blocks",),
    ),
)
