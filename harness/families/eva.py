"""EVA, DINOv3, BEiT and the vision towers of language models: pre-norm or post-norm, scales as bare parameters."""

from __future__ import annotations

from dataclasses import replace

from harness.families.base import Branch, Family, Layout
from harness.families.branches import ATTENTION, MLP, POST_NORM

# x + drop_path(gamma * f(norm(x))), where gamma may be None.
SCALED = Layout((replace(ATTENTION, parameters=("gamma_1",)), replace(MLP, parameters=("gamma_2",))))
# x + drop_path(norm(f(norm(x)))), with one drop_path for both branches.
BETWEEN_NORMS = Layout(
    (
        Branch("attention", "attn", ("norm1", "attn", "norm2"), tap="drop_path"),
        Branch("mlp", "mlp", ("norm3", "mlp", "norm4"), tap="drop_path", call=1),
    ),
    shared=("drop_path",),
)
EVA_BLOCKS = {"timm.models.eva.EvaBlock": SCALED, "timm.models.eva.EvaBlockPostNorm": POST_NORM}

FAMILIES: tuple[Family, ...] = (
    Family(name="eva", model_classes=("timm.models.eva.Eva",), layouts=EVA_BLOCKS, containers=("blocks",)),
    Family(
        name="beit",
        model_classes=("timm.models.beit.Beit",),
        layouts={"timm.models.beit.Block": SCALED},
        containers=("blocks",),
    ),
    Family(
        name="qwen3_vit",
        model_classes=("timm.models.qwen3_vit.Qwen3VitClassifier", "timm.models.qwen3_vit.Qwen3VitEncoder"),
        layouts={"timm.models.eva.EvaBlock": SCALED},
        containers=("blocks", "encoder.blocks"),
    ),
    Family(
        name="deepseek_vit",
        model_classes=(
            "timm.models.deepseek_vit.DeepseekVitClassifier",
            "timm.models.deepseek_vit.DeepseekVitEncoder",
        ),
        layouts={"timm.models.deepseek_vit.DeepseekVitBlock": SCALED},
        containers=("blocks", "encoder.blocks"),
    ),
    Family(
        name="gemma4_vit",
        model_classes=("timm.models.gemma4_vit.Gemma4VitClassifier", "timm.models.gemma4_vit.Gemma4VitEncoder"),
        layouts={"timm.models.gemma4_vit.Gemma4Block": BETWEEN_NORMS},
        containers=("blocks", "encoder.blocks"),
    ),
)
