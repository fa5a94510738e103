"""ConViT: timm's two branches around one drop path; gated positional attention before plain attention."""

from __future__ import annotations

from harness.families.base import Branch, Family, Layout

FAMILIES: tuple[Family, ...] = (
    Family(
        name="convit",
        model_classes=("timm.models.convit.ConVit",),
        layouts={
            "timm.models.convit.Block": Layout(
                (
                    Branch("attention", "attn", ("norm1", "attn"), tap="drop_path"),
                    Branch("mlp", "mlp", ("norm2", "mlp"), tap="drop_path", call=1),
                ),
                shared=("drop_path",),
            )
        },
        containers=("blocks",),
    ),
)
