"""One small network for each kind of block that is built in `harness.architectures`."""

from __future__ import annotations

from cases import Case

from harness.schema import Options

SMLP: Options = {"img_size": 16, "dim": 8, "depths": [1, 2]}
REPMLP: Options = {"img_size": 32, "patch_size": 2, "dim": 8, "depths": [1, 2], "share_sets": [2, 4]}

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
)
