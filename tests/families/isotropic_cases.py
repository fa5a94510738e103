"""One small network for each kind of block of the families whose width and resolution stay the same, and near ones."""

from __future__ import annotations

from cases import Case

from harness.schema import Options

BOTH = ("attention", "mlp")
FUSED = ("fused",)
MIXER = ("token_mixer", "mlp")
VIT: Options = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "num_heads": 2, "depth": 3}
SCALED: Options = {**VIT, "init_values": 0.1}
NAFLEX: Options = {"patch_size": 8, "embed_dim": 32, "num_heads": 2, "depth": 2}
SAM: Options = {"img_size": 48, "patch_size": 8, "embed_dim": 32, "num_heads": 2, "depth": 3, "window_size": 4}
SAM |= {"global_attn_indexes": [1], "neck_chans": 16}
CAIT: Options = {**VIT, "depth": 2}
XCIT: Options = {"img_size": 32, "embed_dim": 32, "num_heads": 2, "depth": 2}
MIXING: Options = {"img_size": 32}  # timm fixes the rest of what a mixer is

CASES: tuple[Case, ...] = (
    Case("vision_transformer", "vit_base_patch16_224", BOTH, options=VIT, blocks=3),
    Case("vision_transformer", "vit_base_patch16_224", BOTH, options=SCALED, blocks=3, note="layer scale"),
    Case("vision_transformer", "vit_base_patch16_reg4_gap_256", BOTH, options=VIT, blocks=3),
    Case("vision_transformer", "vit_small_patch14_reg4_dinov2", BOTH, options=VIT, blocks=3),
    Case("vision_transformer", "vit_giant_patch14_dinov2", BOTH, options=VIT, blocks=3, note="gated MLP"),
    Case("vision_transformer", "vit_base_patch16_siglip_224", BOTH, options=VIT, blocks=3),
    Case("vision_transformer", "vit_base_patch16_18x2_224", BOTH, options=VIT, blocks=3),
    Case("vision_transformer", "vit_base_patch16_rpn_224", BOTH, options=VIT, blocks=3),
    Case("vision_transformer", "vit_base_patch16_xp_224", FUSED, options=VIT, blocks=3),
    Case("vision_transformer", "vit_dpwee_patch16_reg1_gap_256", FUSED, options=VIT, blocks=3),
    Case("vision_transformer", "deit_tiny_distilled_patch16_224", BOTH, options=VIT, blocks=3),
    Case("vision_transformer", "deit3_small_patch16_224", BOTH, options=VIT, blocks=3),
    Case("vision_transformer", "vit_tiny_r_s16_p8_224", BOTH, options={"img_size": 64, "depth": 2}, size=64, blocks=2),
    Case(
        "vision_transformer",
        "vitamin_small_224",
        ("convolution", "attention", "mlp"),
        size=64,
        options={"img_size": 64, "depth": 2},
        blocks=6,
        refused=2,
    ),
    Case("naflexvit", "naflexvit_base_patch16_gap", BOTH, options=NAFLEX, blocks=2),
    Case("vision_transformer_relpos", "vit_relpos_base_patch16_224", BOTH, options=VIT, blocks=3),
    Case("vision_transformer_relpos", "vit_srelpos_small_patch16_224", BOTH, options=VIT, blocks=3),
    Case("vision_transformer_relpos", "vit_relpos_base_patch16_rpn_224", BOTH, options=VIT, blocks=3),
    Case("vision_transformer_sam", "samvit_base_patch16_224", BOTH, size=48, options=SAM, blocks=3),
    Case("eva", "eva02_tiny_patch14_224", BOTH, options=VIT, blocks=3),
    Case("eva", "eva_giant_patch14_224", BOTH, options=VIT, blocks=3),
    Case("eva", "vit_small_patch16_dinov3", BOTH, options=VIT, blocks=3),
    Case("eva", "eva02_enormous_patch14_clip_224", BOTH, options=VIT, blocks=3),
    Case("beit", "beit_base_patch16_224", BOTH, options=VIT, blocks=3),
    Case("beit", "beitv2_base_patch16_224", BOTH, options={**VIT, "init_values": None}, blocks=3, note="no scale"),
    Case("qwen3_vit", "qwen3_vit_88m", BOTH, options={"embed_dim": 32, "num_heads": 2, "depth": 2}, blocks=2),
    Case(
        "deepseek_vit",
        "deepseek_vit_412m",
        BOTH,
        size=56,
        options={"embed_dim": 32, "num_heads": 2, "depth": 2},
        blocks=2,
    ),
    Case("gemma4_vit", "gemma4_vit_167m", BOTH, options={"embed_dim": 32, "num_heads": 2, "depth": 2}, blocks=2),
    Case("mlp_mixer", "mixer_s16_224", MIXER, options=MIXING, blocks=8),
    Case("mlp_mixer", "gmixer_12_224", MIXER, options=MIXING, blocks=12),
    Case("mlp_mixer", "resmlp_12_224", MIXER, options=MIXING, blocks=12),
    Case("mlp_mixer", "gmlp_ti16_224", FUSED, options=MIXING, blocks=30),
    Case("cait", "cait_xxs24_224", BOTH, options=CAIT, blocks=4, chain=False),
    Case("xcit", "xcit_nano_12_p8_224", ("attention", "convolution", "mlp"), options=XCIT, blocks=2, refused=2),
    Case(
        "tnt",
        "tnt_s_patch16_224",
        ("inner_attention", "inner_mlp", "attention", "mlp"),
        options={
            "img_size": 32,
            "embed_dim": 32,
            "inner_dim": 8,
            "num_heads_inner": 2,
            "num_heads_outer": 2,
            "depth": 2,
        },
        refused=2,
        chain=False,
    ),
    Case("convit", "convit_tiny", BOTH, options={**VIT, "local_up_to_layer": 2}, blocks=3),
)
