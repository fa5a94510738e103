"""Transformers with more than one stream: class attention (CaiT, XCiT), pixels in patches (TNT)."""

from __future__ import annotations

from harness.families.base import Branch, Family, Layout, Refusal

_CAIT_MLP = Branch("mlp", "mlp", ("norm2", "mlp"), tap="drop_path", call=1, parameters=("gamma_2",))

CAIT = Family(
    name="cait",
    model_classes=("timm.models.cait.Cait",),
    layouts={
        "timm.models.cait.LayerScaleBlock": Layout(
            (Branch("attention", "attn", ("norm1", "attn"), tap="drop_path", parameters=("gamma_1",)), _CAIT_MLP),
            shared=("drop_path",),
        ),
        # The stream is the class token, the second argument; the patches are read and never written.
        "timm.models.cait.LayerScaleBlockClassAttn": Layout(
            (
                Branch("attention", "attn", ("norm1", "attn"), tap="drop_path", tokens=1, parameters=("gamma_1",)),
                _CAIT_MLP,
            ),
            stream=1,
            shared=("drop_path",),
        ),
    },
    containers=("blocks", "blocks_token_only"),
    no_chain="every class attention reads the patches that the last block before them gave",
)
XCIT = Family(
    name="xcit",
    model_classes=("timm.models.xcit.Xcit",),
    layouts={
        "timm.models.xcit.XCABlock": Layout(
            (
                Branch("attention", "attn", ("norm1", "attn", "drop_path1"), parameters=("gamma1",)),
                Branch("convolution", "local_mp", ("norm3", "local_mp", "drop_path3"), parameters=("gamma3",)),
                Branch("mlp", "mlp", ("norm2", "mlp", "drop_path2"), parameters=("gamma2",)),
            )
        ),
        "timm.models.xcit.ClassAttentionBlock": Layout(
            (),
            refusals=(Refusal("a class attention that norms its stream and doubles the patches: no residual sum"),),
        ),
    },
    containers=("blocks", "cls_attn_blocks"),
)
TNT = Family(
    name="tnt",
    model_classes=("timm.models.tnt.TNT",),
    layouts={
        "timm.models.tnt.Block": Layout(
            (
                Branch("inner_attention", "attn_in", ("norm_in", "attn_in"), tap="drop_path", is_folded=True),
                Branch("inner_mlp", "mlp_in", ("norm_mlp_in", "mlp_in"), tap="drop_path", call=1, is_folded=True),
                Branch("attention", "attn_out", ("norm_out", "attn_out"), tap="drop_path", call=2),
                Branch("mlp", "mlp", ("norm_mlp", "mlp"), tap="drop_path", call=3),
            ),
            stream=1,
            returns=(0, 1),
            shared=("drop_path",),
            refusals=(Refusal("carries pixels over to patches, which stays", kind="block"),),
        )
    },
    containers=("blocks",),
    no_chain="pixels and patches are two streams",
)

FAMILIES: tuple[Family, ...] = (CAIT, XCIT, TNT)
