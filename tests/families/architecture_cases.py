"""One small network for each kind of block that is built in `harness.architectures`."""

from __future__ import annotations

from cases import Case

from harness.schema import Options

SMLP: Options = {"img_size": 16, "dim": 8, "depths": [1, 2]}
REPMLP: Options = {"img_size": 32, "patch_size": 2, "dim": 8, "depths": [1, 2], "share_sets": [2, 4]}
LIT: Options = {"img_size": 32, "embed_dims": [8, 8, 12, 16], "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2]}
CYCLE: Options = {"embed_dims": [8, 12], "depths": [1, 1], "mlp_ratios": [2, 2]}
FIGURE: Options = {**CYCLE, "inhibition": "figure", "inhibition_level": 0.3}
GATED: Options = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "num_heads": 2, "depth": 2, "gi_layer_num": 1}
SPARSE_MLP: Options = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "tokens_dim": 16, "channels_dim": 48}
SPARSE_MLP |= {"inner_tokens_dim": 24, "inner_channels_dim": 48, "depth": 1}

CASES = (
    Case("smlpnet", "smlpnet_t", ("local", "smlp", "token_mixer", "mlp"), 16, SMLP, blocks=3),
    Case(
        "smlpnet", "smlpnet_t", ("local", "token_mixer", "mlp"), 16, {**SMLP, "global": False}, blocks=3, note="local"
    ),
    Case("repmlpnet", "repmlpnet_t224", ("local", "gate", "token_mixer", "mlp"), 32, REPMLP, blocks=3),
    Case(
        "repmlpnet",
        "repmlpnet_t224",
        ("local", "gate", "token_mixer", "mlp"),
        options={**REPMLP, "tile_size": 16},
        blocks=3,
        note="tiles",
    ),
    Case("lit", "lit_s", ("mlp", "attention"), options=LIT, blocks=4),
    Case("lit", "lit_ti", ("attention", "mlp"), options={**LIT, "has_msa": [1, 1, 1, 1]}, blocks=4),
    Case("gimlp", "gi_cyclemlp_b1", ("token_mixer", "mlp"), options=CYCLE, blocks=2),
    Case("gimlp", "gi_cyclemlp_b1", ("token_mixer", "gate", "mlp"), options=FIGURE, blocks=2, note="figure"),
    Case("gi_attention", "gi_deit_tiny", ("attention", "mlp", "gate"), options=GATED, blocks=2),
    Case("sparse_mlp", "sparse_mlp_b", ("token_mixer", "mlp", "experts"), options=SPARSE_MLP, blocks=3),
    Case(
        "sparse_mlp",
        "sparse_mlp_s",
        ("token_mixer", "mlp", "re_represent", "experts"),
        options={**SPARSE_MLP, "inner_tokens": 16, "inner_dim": 32},
        blocks=3,
        note="shape kept",
    ),
)
