"""Vision transformers of timm whose blocks are pre-norm and residual: ViT, DeiT, DINOv2 and their like."""

from __future__ import annotations

from harness.families.base import Branch, Family

# Both branches of timm's Block are x + drop_path(ls(f(norm(x)))); blocks of any other class compute something else.
FAMILIES: tuple[Family, ...] = (
    Family(
        name="vision_transformer",
        model_classes=(
            "timm.models.vision_transformer.VisionTransformer",
            "timm.models.deit.VisionTransformerDistilled",
        ),
        blocks="blocks",
        block_classes=("timm.models.vision_transformer.Block",),
        branches={
            "attention": Branch("attn", ("norm1", "attn", "ls1", "drop_path1")),
            "mlp": Branch("mlp", ("norm2", "mlp", "ls2", "drop_path2")),
        },
    ),
)
