"""Networks that mix tokens without attention: MLP-Mixer, ResMLP and gMLP."""

from __future__ import annotations

from harness.families.base import Branch, Family, Layout

_HOME = "timm.models.mlp_mixer"

FAMILIES: tuple[Family, ...] = (
    Family(
        name="mlp_mixer",
        model_classes=(f"{_HOME}.MlpMixer",),
        layouts={
            f"{_HOME}.MixerBlock": Layout(
                (
                    Branch("token_mixer", "mlp_tokens", ("norm1", "mlp_tokens"), tap="drop_path"),
                    Branch("mlp", "mlp_channels", ("norm2", "mlp_channels"), tap="drop_path", call=1),
                ),
                shared=("drop_path",),
            ),
            f"{_HOME}.ResBlock": Layout(
                (
                    Branch(
                        "token_mixer", "linear_tokens", ("norm1", "linear_tokens"), tap="drop_path", parameters=("ls1",)
                    ),
                    Branch(
                        "mlp", "mlp_channels", ("norm2", "mlp_channels"), tap="drop_path", call=1, parameters=("ls2",)
                    ),
                ),
                shared=("drop_path",),
            ),
            f"{_HOME}.SpatialGatingBlock": Layout(
                (Branch("fused", "mlp_channels", ("norm", "mlp_channels", "drop_path")),),
                notes=("tokens are mixed inside the MLP: the two go together, as the kind `fused`",),
            ),
        },
        containers=("blocks",),
    ),
)
