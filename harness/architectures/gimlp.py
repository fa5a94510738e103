"""CycleMLP and giMLP, the same network with inhibition: in the form of the paper's figure, and as its code runs.

"CycleMLP: A MLP-like Architecture for Dense Prediction", arXiv 2107.10224; "giMLPs: Gate with Inhibition Mechanism in
MLPs", arXiv 2208.00929. The third form, gates of queries and keys, is in `gi_attention`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from timm.layers.drop import DropPath
from timm.layers.weight_init import trunc_normal_
from timm.models import generate_default_cfgs, register_model
from torch import Tensor, nn

from harness.architectures.building import (
    built,
    check_choice,
    check_hidden,
    check_least,
    check_share,
    check_stages,
    check_switches,
    configuration,
)
from harness.architectures.cycle_fc import CycleFC
from harness.architectures.inhibition import Gate, Inhibition
from harness.architectures.pyramid import Size

FORMS = ("none", "figure", "code")


@dataclass(frozen=True)
class CycleMlpOptions:
    """A CycleMLP, and in which variant it has `inhibition`; `img_size` is the size that its cost is taken at.

    `figure` gates the channel MLP of every block: y = x + T(LN(x)) gelu(i - r max(i)). The figure does not say how wide
    the gate is inside: `gate_ratio` times the width, which is 1 in the class that the code defines and never uses.
    `trunk_activation` is the activation at the end of T. `code` is what the published code runs: out - r max(out)
    after both kinds of two-layer MLPs, without gate, product or parameter. r is `inhibition_level`, and
    `inhibition_scope` says over what its maximum is taken. `center_downsampling` takes the mean of the channels from
    what the down-sampling convolutions read: without what they read in the stream, `code` changes nothing.
    """

    img_size: Size = 224
    patch_size: int = 7
    patch_stride: int = 4
    patch_padding: int = 2
    in_chans: int = 3
    num_classes: int = 1000
    embed_dims: Sequence[int] = (64, 128, 320, 512)
    depths: Sequence[int] = (2, 2, 4, 2)
    mlp_ratios: Sequence[float] = (4, 4, 4, 4)
    inhibition: Literal["none", "figure", "code"] = "none"
    inhibition_level: float | None = None
    inhibition_scope: Literal["tensor", "sample", "token"] = "tensor"
    gate_ratio: float = 1.0
    trunk_activation: bool = True
    center_downsampling: bool = False
    drop_path_rate: float = 0.0

    def __post_init__(self) -> None:
        if self.inhibition not in FORMS:
            known = ", ".join(FORMS)
            raise ValueError(f"inhibition must be one of {known}, not {self.inhibition!r}; in attention: gi_deit_tiny")
        if (self.inhibition == "none") != (self.inhibition_level is None):
            raise ValueError("inhibition 'figure' and 'code' need an inhibition_level, and 'none' has none")
        check_stages(embed_dims=self.embed_dims, depths=self.depths, mlp_ratios=self.mlp_ratios)
        for width, depth in zip(self.embed_dims, self.depths, strict=True):
            check_least(1, embed_dims=width, depths=depth)
        check_share(drop_path_rate=self.drop_path_rate)
        check_switches(trunk_activation=self.trunk_activation, center_downsampling=self.center_downsampling)
        self._check_patches()

    def _check_patches(self) -> None:
        check_least(1, patch_size=self.patch_size, patch_stride=self.patch_stride)
        check_least(0, patch_padding=self.patch_padding)
        sides = (self.img_size,) if isinstance(self.img_size, int) else self.img_size
        least = max(1, self.patch_size - 2 * self.patch_padding)
        if min(sides) < least:
            raise ValueError(f"img_size must be at least {least}, for one patch with its margin, not {self.img_size}")

    def inhibited(self) -> Inhibition:
        """What takes a share of the maximum away."""
        return Inhibition(self.inhibition_level or 0.0, self.inhibition_scope)


class Mlp(nn.Module):
    """Linear, GELU, linear; then, in the variant `code`, inhibition. Any (..., width) to (..., out)."""

    def __init__(self, width: int, hidden: int, out: int, options: CycleMlpOptions) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, out)
        self.inhibition = options.inhibited() if options.inhibition == "code" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        found: Tensor = self.inhibition(self.fc2(self.act(self.fc1(x))))
        return found


class GatedMlp(nn.Module):
    """T(x) gelu(i(x) - r max(i)), with the trunk T = linear, GELU, linear, GELU; the variant `figure`."""

    def __init__(self, width: int, hidden: int, options: CycleMlpOptions) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        self.last = nn.GELU() if options.trunk_activation else nn.Identity()
        inside = check_hidden("gate_ratio", options.gate_ratio, width)
        self.gate = Gate(width, inside, options.inhibited(), is_correction=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to the same shape."""
        gated: Tensor = self.gate(self.last(self.fc2(self.act(self.fc1(x)))), x)
        return gated


class Cycle(nn.Module):
    """Three branches h, w, c weighed against each other for each channel, by an MLP of their mean, then a linear map.

    h and w are the CycleFCs along the width and the height of the map, c a linear map without bias.
    """

    def __init__(self, width: int, options: CycleMlpOptions) -> None:
        super().__init__()
        self.mlp_c = nn.Linear(width, width, bias=False)
        self.sfc_h, self.sfc_w = CycleFC(width, axis=2), CycleFC(width, axis=1)
        self.reweight = Mlp(width, check_hidden("embed_dims", 1 / 4, width), 3 * width, options)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, H, W, width) to the same shape."""
        h, w, c = self.sfc_h(x), self.sfc_w(x), self.mlp_c(x)
        share = self.weights((h + w + c).mean((1, 2)))[:, None, None]
        mixed: Tensor = self.proj(share[..., 0] * h + share[..., 1] * w + share[..., 2] * c)
        return mixed

    def weights(self, mean: Tensor) -> Tensor:
        """Means over positions (n, width) to the branches' weights (n, width, 3), which sum to 1."""
        logits: Tensor = self.reweight(mean)
        return logits.reshape(*mean.shape, 3).softmax(-1)


class Block(nn.Module):
    """x = x + Cycle(LN(x)); x = x + MLP(LN(x)); both with stochastic depth. Maps (n, H, W, width)."""

    def __init__(self, width: int, mlp_ratio: float, drop_path: float, options: CycleMlpOptions) -> None:
        super().__init__()
        hidden = check_hidden("mlp_ratios", mlp_ratio, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Cycle(width, options)  # the published code calls it so; there is no attention in it
        is_gated = options.inhibition == "figure"
        self.mlp = GatedMlp(width, hidden, options) if is_gated else Mlp(width, hidden, width, options)
        self.drop_path1, self.drop_path2 = DropPath(drop_path), DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        x = x + self.drop_path1(self.attn(self.norm1(x)))
        given: Tensor = x + self.drop_path2(self.mlp(self.norm2(x)))
        return given


class Convolution(nn.Module):
    """A convolution of maps channels last, with `is_centred` of channels less their mean at each position."""

    def __init__(self, convolution: nn.Conv2d, is_centred: bool = False) -> None:
        super().__init__()
        self.proj = convolution
        self.is_centred = is_centred

    def forward(self, x: Tensor) -> Tensor:
        """(n, H, W, channels) to (n, H', W', out)."""
        if self.is_centred:
            x = x - x.mean(-1, keepdim=True)
        found: Tensor = self.proj(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return found


class CycleMlp(nn.Module):
    """Images (n, channels, height, width) of any size to logits (n, classes); the options are CycleMlpOptions."""

    __signature__ = inspect.signature(CycleMlpOptions)

    def __init__(self, **options: Any) -> None:
        super().__init__()
        asked = CycleMlpOptions(**options)
        self.num_features = self.head_hidden_size = asked.embed_dims[-1]
        patches = nn.Conv2d(
            asked.in_chans, asked.embed_dims[0], asked.patch_size, asked.patch_stride, asked.patch_padding
        )
        self.patch_embed = Convolution(patches)
        self.network = nn.Sequential(*_stages(asked))
        self.norm = nn.LayerNorm(self.num_features)
        self.head: nn.Module = nn.Identity()
        self.reset_classifier(asked.num_classes)
        for module in self.modules():
            if isinstance(module, nn.Linear | CycleFC):
                trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """Images to the last map, normed (n, H, W, width)."""
        normed: Tensor = self.norm(self.network(self.patch_embed(x.permute(0, 2, 3, 1))))
        return normed

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last map (n, H, W, width) to logits, or to its mean over positions."""
        x = x.mean((1, 2))
        return x if pre_logits else self.head(x)

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Which layer a parameter belongs to, for timm's layer decay: stages, or their blocks."""
        fine = [(r"^network\.(\d+)\.(\d+)", None), (r"^network\.(\d+)\.proj", (0,)), (r"^norm", (99999,))]
        return {"stem": r"^patch_embed", "blocks": r"^network\.(\d+)" if coarse else fine}

    def get_classifier(self) -> nn.Module:
        """The head."""
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Another head, none for no classes; there is one way to pool, the mean."""
        check_choice("global_pool", global_pool, (None, "avg"))
        self.num_classes = num_classes
        device = self.norm.weight.device
        self.head = nn.Linear(self.num_features, num_classes, device=device) if num_classes else nn.Identity()

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of the papers' own code, where the fixed offsets of a CycleFC are part of the state."""
        return {name: tensor for name, tensor in state.items() if not name.endswith(".offset")}


def _stages(asked: CycleMlpOptions) -> list[nn.Module]:
    """Blocks and down-sampling by turns; stochastic depth rises from zero in equal steps."""
    count = sum(asked.depths)
    rates = iter([asked.drop_path_rate * at / max(count - 1, 1) for at in range(count)])
    found: list[nn.Module] = []
    for at, (width, depth, ratio) in enumerate(zip(asked.embed_dims, asked.depths, asked.mlp_ratios, strict=True)):
        if at:
            smaller = nn.Conv2d(asked.embed_dims[at - 1], width, 3, 2, 1)
            found.append(Convolution(smaller, asked.center_downsampling))
        found.append(nn.Sequential(*(Block(width, ratio, next(rates), asked) for _ in range(depth))))
    return found


_WIDE: dict[str, Any] = {"mlp_ratios": (8, 8, 4, 4)}
_SIZES: dict[str, dict[str, Any]] = {
    "b1": {"depths": (2, 2, 4, 2)},
    "b2": {"depths": (2, 3, 10, 3)},
    "b3": {"depths": (3, 4, 18, 3), **_WIDE},
    "b4": {"depths": (3, 8, 27, 3), **_WIDE},
    "b5": {"depths": (3, 4, 24, 3), "embed_dims": (96, 192, 384, 768)},
}
_INHIBITED: dict[str, Any] = {"inhibition": "code", "inhibition_level": 0.3}
TABLE = {
    **{f"cyclemlp_{size}": {**table, "drop_path_rate": 0.1} for size, table in _SIZES.items()},
    **{f"gi_cyclemlp_{size}": {**table, **_INHIBITED, "drop_path_rate": 0.1} for size, table in _SIZES.items()},
}
default_cfgs = generate_default_cfgs({name: configuration(224, "patch_embed.proj", "head") for name in TABLE})


def _registered(name: str) -> Callable[..., CycleMlp]:
    def entry(pretrained: bool = False, **options: Any) -> CycleMlp:
        of_forms = ("inhibition_level",) if options.get("inhibition") == "none" else ()
        table = {option: value for option, value in TABLE[name].items() if option not in of_forms}
        return built(CycleMlp, name, table, pretrained, options)

    entry.__name__ = name
    return register_model(entry)


ENTRIES = tuple(map(_registered, TABLE))
