"""Networks built here that mix positions by matrices: sMLPNet along rows and columns, RepMLPNet in tiles."""

from __future__ import annotations

from harness.families.base import Branch, Family, Layout

_SMLP = "harness.architectures.smlpnet"
_REPMLP = "harness.architectures.repmlpnet"


def _step(kind: str, path: str, of: str) -> Branch:
    """A step of sMLPNet's token mixer, where it is not switched off."""
    return Branch(kind, path, (path,), within="token_mixer", hands_on=True, of=(f"{_SMLP}.{of}",))


FAMILIES: tuple[Family, ...] = (
    Family(
        name="smlpnet",
        model_classes=(f"{_SMLP}.SMLPNet",),
        layouts={
            f"{_SMLP}.Block": Layout(
                (
                    _step("local", "token_mixer.local", "LocalMixing"),
                    _step("smlp", "token_mixer.smlp", "SparseMLP"),
                    Branch("token_mixer", "token_mixer", ("token_mixer", "drop_path1")),
                    Branch("mlp", "mlp", ("mlp", "drop_path2")),
                ),
                notes=("`local` and `smlp` are the two steps of the token mixer: x passes where one is removed",),
            ),
        },
    ),
    Family(
        name="repmlpnet",
        model_classes=(f"{_REPMLP}.RepMLPNet",),
        layouts={
            f"{_REPMLP}.Block": Layout(
                (
                    Branch("local", "mixer.local", ("mixer.local",), within="mixer", is_folded=True),
                    Branch(
                        "gate", "mixer.global_perceptron", ("mixer.global_perceptron",), within="mixer", hands_on=True
                    ),
                    Branch("token_mixer", "mixer", ("norm1", "mixer")),
                    Branch("mlp", "mlp", ("norm2", "mlp")),
                ),
                notes=(
                    "`local` and `gate` are parts of the token mixer: its local perceptron, and its global one, the "
                    "factor of which is 1 where it is removed",
                ),
            ),
        },
    ),
)
