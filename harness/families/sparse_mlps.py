"""The networks of Sparse-MLP and sparse all-MLP: mixers whose sublayers are mixtures of experts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.families.base import Branch, Family, Layout

if TYPE_CHECKING:
    from torch import nn

_IMAGES, _TEXTS = "harness.architectures.sparse_mlp", "harness.architectures.sparse_all_mlp"
_MIXTURE = ("harness.architectures.gating.Mixture",)
_PLAIN = ("timm.layers.mlp.Mlp",)

_TOKENS = ("norm1", "mlp_tokens", "drop_path1")
_CHANNELS = ("norm2", "mlp_channels", "drop_path2")
_MIXTURES = (
    Branch("experts", "mlp_tokens", _TOKENS),
    Branch("experts", "mlp_channels", _CHANNELS, of=_MIXTURE),
    Branch("mlp", "mlp_channels", _CHANNELS, of=_PLAIN),
)


def _keeps_its_shape(block: nn.Module) -> bool:
    """Whether a block's re-represent layers exist and are of one shape within and without."""
    options: Any = block.options
    return bool(options.re_represent and options.inside == options.outside)


FAMILIES: tuple[Family, ...] = (
    Family(
        name="sparse_mlp",
        model_classes=(f"{_IMAGES}.SparseMlp",),
        layouts={
            f"{_IMAGES}.DenseBlock": Layout(
                (Branch("token_mixer", "mlp_tokens", _TOKENS), Branch("mlp", "mlp_channels", _CHANNELS))
            ),
            f"{_IMAGES}.SparseBlock": Layout(
                _MIXTURES,
                shared=("represent", "restore"),
                variants=(
                    (
                        _keeps_its_shape,
                        Layout(
                            (
                                Branch("re_represent", "represent", ("represent",), hands_on=True),
                                *_MIXTURES,
                                Branch("re_represent", "restore", ("restore",), hands_on=True),
                            )
                        ),
                    ),
                ),
                notes=(
                    "re-represent layers change the shape of the stream and go with the last sublayer of their block; "
                    "where the shape is the same within and without they are sublayers too, of kind `re_represent`",
                ),
            ),
        },
        containers=("blocks",),
    ),
    Family(
        name="sparse_all_mlp",
        model_classes=(f"{_TEXTS}.SparseAllMlp",),
        layouts={
            f"{_TEXTS}.DenseBlock": Layout(
                (
                    Branch("fused", "mlp", ("norm", "mlp")),
                    Branch("gate", "mlp.gate", ("mlp.gate",), within="mlp", hands_on=True),
                ),
                notes=("without its gate a gMLP block is a plain MLP of Z1; the whole branch is of kind `fused`",),
            ),
            f"{_TEXTS}.SparseBlock": Layout(
                (
                    Branch("gate", "smoe", ("smoe",), hands_on=True),
                    Branch("experts", "tmoe", ("tmoe",)),
                ),
                notes=("the gate is the mixture of spatial gates (sMoE), the experts are the BASE layer (tMoE)",),
            ),
        },
        containers=("model.blocks",),
    ),
)
