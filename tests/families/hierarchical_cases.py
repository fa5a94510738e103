"""One small network for each kind of block of the families whose resolution changes with depth."""

from __future__ import annotations

from cases import Case

from harness.schema import Options

BOTH = ("attention", "mlp")
MIXED = ("token_mixer", "mlp")
ALL_MIXED = ("token_mixer", "mlp", "attention")
ALONE = ("convolution",)
HYBRID = ("convolution", "attention", "mlp")
SMALL: Options = {"img_size": 32}
MEDIUM: Options = {"img_size": 64}
SWIN: Options = {"img_size": 32, "window_size": 4, "embed_dim": 16, "depths": [2, 1], "num_heads": [2, 4]}
FOUR: Options = {"depths": [1, 1, 1, 2], "dims": [8, 8, 16, 16]}
PVT: Options = {"depths": [2, 1], "embed_dims": [8, 16], "num_heads": [1, 2], "sr_ratios": [2, 1], "mlp_ratios": [2, 2]}
TWINS: Options = {**PVT, "img_size": 32, "depths": [2, 2], "wss": [4, 4]}
PCPVT: Options = {**TWINS, "depths": [1, 1], "wss": None}
DAVIT: Options = {"depths": [1, 1], "embed_dims": [16, 32], "num_heads": [2, 2]}
TINY_VIT: Options = {"depths": [1, 2], "embed_dims": [16, 32], "num_heads": [1, 2], "window_sizes": [4, 4]}
HIERA: Options = {"img_size": 64, "embed_dim": 16, "stages": [1, 2, 1, 1]}
HIERA_DET: Options = {"embed_dim": 16, "stages": [1, 2, 2, 1], "global_att_blocks": [4]}
COAT_NET: Options = {"img_size": 32, "depths": [2, 1, 2, 1], "embed_dim": [32, 32, 32, 32], "stem_width": 8}
MAX_VIT: Options = {"img_size": 64, "depths": [1, 2], "embed_dim": [32, 32], "block_type": ["M", "M"], "stem_width": 8}
MAX_NCHW: Options = {**MAX_VIT, "transformer_use_nchw_attn": True}
MAX_PM: Options = {**MAX_VIT, "block_type": ["PM", "PM"]}
EDGE: Options = {"depths": [1, 1, 2, 1], "dims": [8, 16, 32, 32], "heads": [2, 2, 2, 2]}
FORMER: Options = {"depths": [1, 1, 1, 2], "embed_dims": [8, 16, 16, 32]}
FORMER_V2: Options = {"img_size": 64, "depths": [1, 1, 2, 3], "embed_dims": [8, 16, 16, 32], "mlp_ratios": 2}
PIT: Options = {"img_size": 32, "patch_size": 8, "stride": 4, "depth": [1, 1, 2]}
CROSS: Options = {
    "img_size": 48,
    "img_scale": [1.0, 0.667],
    "embed_dim": [16, 32],
    "depth": [[1, 2, 0], [1, 1, 0]],
    "num_heads": [2, 2],
}
VISFORMER: Options = {"img_size": 32, "embed_dim": 32, "num_heads": 2, "depth": [2, 1, 1]}
SEQUENCER: Options = {"layers": [1, 1, 2, 1], "embed_dims": [16, 16, 16, 16], "hidden_sizes": [4, 4, 4, 4]}
CSAT: Options = {"depths": [1, 1, 1, 1], "dims": [8, 16, 16, 16], "transformer_depths": [0, 0, 1, 1]}
COAT: Options = {"img_size": 64, "embed_dims": [32, 32, 32, 32], "serial_depths": [1, 1, 1, 2]}
FAST: Options = {"layers": [1, 1, 1, 2], "embed_dims": [8, 16, 32, 64]}
LOW: Options = {"width_list": [8, 16, 16, 32, 32], "depth_list": [1, 1, 1, 1, 2], "head_widths": [16, 16]}
MIT: Options = {"widths": [8, 8, 8, 16, 16], "depths": [1, 1, 2, 1, 1], "head_dim": 8, "head_widths": [16, 16]}
MSRA: Options = {
    "img_size": 64,
    "embed_dim": [16, 32, 32],
    "key_dim": [4, 4, 4],
    "depth": [1, 1, 2],
    "num_heads": [2, 2, 2],
}
SH: Options = {"embed_dim": [16, 32, 32], "depth": [1, 1, 2], "partial_dim": [8, 8, 8], "qk_dim": [4, 4, 4]}
LEVIT: Options = {"img_size": 64, "embed_dim": [16, 32, 32], "key_dim": 4, "num_heads": [2, 2, 2], "depth": [1, 1, 2]}
IFORMER: Options = {"dims": [8, 8, 16, 16], "depths": [1, 1, 5, 4], "attn_groups": [0, 0, 1, 1]}
SWIFT: Options = {"layers": [1, 1, 2, 2], "embed_dims": [8, 16, 16, 32]}
REPVIT: Options = {"embed_dim": [8, 8, 16, 16], "depth": [1, 1, 2, 1]}
STRIP: Options = {"embed_dim": 8, "depths": [1, 1, 2, 1]}

CASES: tuple[Case, ...] = (
    Case("swin", "swin_tiny_patch4_window7_224", BOTH, options=SWIN, blocks=3),
    Case("swinv2", "swinv2_tiny_window8_256", BOTH, options=SWIN, blocks=3),
    Case("swinv2_cr", "swinv2_cr_tiny_ns_224", BOTH, options=SWIN, blocks=1),
    Case("twins", "twins_svt_small", BOTH, options=TWINS, blocks=4),
    Case("twins", "twins_pcpvt_small", BOTH, options=PCPVT, blocks=2),
    Case("pvt_v2", "pvt_v2_b0", BOTH, options=PVT, blocks=3),
    Case("pvt_v2", "pvt_v2_b2_li", BOTH, options=PVT, blocks=3),
    Case("mvitv2", "mvitv2_tiny", BOTH, options=SMALL, blocks=7, refused=3),
    Case("davit", "davit_tiny", BOTH, options=DAVIT),
    Case("tiny_vit", "tiny_vit_5m_224", BOTH, 64, TINY_VIT, refused=1),
    Case("hiera", "hiera_tiny_224", BOTH, 64, HIERA, blocks=2, refused=3),
    Case("hieradet", "sam2_hiera_tiny", BOTH, 64, HIERA_DET, blocks=3, refused=3),
    Case("volo", "volo_d1_224", BOTH, 32, SMALL, blocks=20),
    Case("maxxvit", "coatnet_rmlp_nano_rw_224", ("convolution", "mlp", "attention"), 32, COAT_NET, blocks=2, refused=4),
    Case("maxxvit", "coatnext_nano_rw_224", ("convolution", "mlp", "attention"), 32, COAT_NET, blocks=2, refused=4),
    Case("maxxvit", "maxvit_rmlp_pico_rw_256", ("attention", "mlp", "convolution"), 64, MAX_VIT, blocks=7, refused=2),
    Case(
        "maxxvit",
        "maxvit_rmlp_pico_rw_256",
        ("attention", "mlp", "convolution"),
        64,
        MAX_NCHW,
        blocks=7,
        refused=2,
        note="nchw",
    ),
    Case("maxxvit", "maxvit_tiny_pm_256", HYBRID, 64, MAX_PM, blocks=7, refused=2),
    Case("mobilevit", "mobilevit_xxs", BOTH, 64, blocks=9, chain=False),
    Case("mobilevit", "mobilevitv2_050", BOTH, 64, blocks=9, chain=False),
    Case("metaformer", "poolformer_s12", MIXED, 64, blocks=12),
    Case("metaformer", "caformer_s18", ALL_MIXED, 32, blocks=6),
    Case("convnext", "convnext_atto", ALONE, 32, FOUR, blocks=5),
    Case("convnext", "convnextv2_atto", ALONE, 32, FOUR, blocks=5),
    Case("edgenext", "edgenext_xx_small", ALONE, 32, EDGE, blocks=5),
    Case("nextvit", "nextvit_small", ALL_MIXED, 64, {"depths": [1, 1, 5, 1]}, blocks=3),
    Case("efficientformer", "efficientformer_l1", ALL_MIXED, 224, FORMER, blocks=5),
    Case("efficientformer_v2", "efficientformerv2_s0", ("mlp", "attention"), 64, FORMER_V2, blocks=7),
    Case("fastvit", "fastvit_t8", MIXED, 32, FAST, blocks=5),
    Case("fastvit", "fastvit_sa12", ALL_MIXED, 32, FAST, blocks=5),
    Case("repvit", "repvit_m0_9", ("mlp",), 32, REPVIT, refused=8),
    Case("gcvit", "gcvit_xxtiny", BOTH, 64, {"img_size": 64, "embed_dim": 16}, blocks=12, chain=False),
    Case("nest", "nest_tiny", BOTH, 64, MEDIUM, blocks=12),
    Case("pit", "pit_ti_224", BOTH, 32, PIT, blocks=4),
    Case("inception_next", "inception_next_atto", ALONE, 32, FOUR, blocks=5),
    Case("mambaout", "mambaout_femto", ALONE, 32, FOUR, blocks=5),
    Case("starnet", "starnet_s1", ALONE, 32, {"base_dim": 8, "depths": [1, 1, 2, 1]}, blocks=5),
    Case("focalnet", "focalnet_tiny_srf", MIXED, 32, blocks=12),
    Case("coat", "coat_lite_tiny", BOTH, 64, COAT, chain=False),
    Case("coat", "coat_tiny", BOTH, 64, {**COAT, "parallel_depth": 2}, refused=2, chain=False),
    Case("crossvit", "crossvit_9_240", BOTH, 48, CROSS, blocks=5, refused=4, chain=False),
    Case("efficientvit_mit", "efficientvit_b0", ("convolution", "attention"), 64, MIT, blocks=4, refused=4),
    Case("efficientvit_msra", "efficientvit_m0", ALL_MIXED, 64, MSRA, blocks=4),
    Case("iformer", "iformer_t", HYBRID, 32, IFORMER, blocks=9),
    Case("levit", "levit_128s", BOTH, 64, LEVIT, blocks=4, refused=2),
    Case("levit", "levit_conv_128s", BOTH, 64, LEVIT, blocks=4, refused=2),
    Case("swiftformer", "swiftformer_xs", HYBRID, 32, SWIFT, blocks=6),
    Case("visformer", "visformer_tiny", ("mlp", "attention"), 32, VISFORMER, blocks=4),
    Case("shvit", "shvit_s1", ALL_MIXED, 64, SH, blocks=4),
    Case("sequencer", "sequencer2d_s", MIXED, 32, SEQUENCER, blocks=5),
    Case("convmixer", "convmixer_768_32", ("token_mixer",), 32, blocks=32),
    Case("lowformer", "lowformer_b0", HYBRID, 64, LOW, blocks=4, refused=4),
    Case("cpubone", "cpubone_b0_bfrobust", HYBRID, 64, LOW, blocks=4, refused=4),
    Case("csatv2", "csatv2", HYBRID, 64, CSAT, blocks=4),
    Case("fasternet", "fasternet_t0", ALONE, 32, STRIP, blocks=5),
    Case("mobilenetv4", "mobilenetv4_hybrid_medium_075", ("convolution", "attention"), 32, blocks=27, refused=3),
    Case(
        "mobilenetv5",
        "mobilenetv5_base",
        ("convolution", "attention"),
        32,
        {"channel_multiplier": 0.125},
        blocks=33,
        refused=4,
        chain=False,
    ),
)
