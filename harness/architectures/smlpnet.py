"""sMLPNet: positions are mixed along rows and columns, with weights that all rows, columns and channels share.

"Sparse MLP for Image Recognition: Is Self-Attention Really Necessary?" (Tang et al., AAAI 2022, arXiv 2109.05422).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Literal, TypeAlias, get_args

import torch
from timm.layers.drop import DropPath
from timm.models import generate_default_cfgs, register_model
from torch import Tensor, nn
from torch.nn.functional import gelu

from harness.architectures.building import built, check_choice, check_share, check_switches, configuration
from harness.architectures.pyramid import Pyramid, Size, Stage, map_sizes

Fusion: TypeAlias = Literal["linear", "sum", "weighted_sum"]
Branches: TypeAlias = Literal["parallel", "horizontal_first", "vertical_first"]


@dataclass(frozen=True)
class Mixing:
    """How an sMLP module joins its maps (table 3), in which order it makes them, and whether x is one (table 4)."""

    fusion: Fusion = "linear"
    branches: Branches = "parallel"
    identity: bool = True


class LocalMixing(nn.Module):
    """DW(x): depthwise 3x3 convolution of gelu(BN(x)), padded by zeros, without bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.convolution = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, H, W) to the same."""
        found: Tensor = self.convolution(gelu(self.norm(x)))
        return found


class SparseMLP(nn.Module):
    """The sMLP module (algorithm 1): every position sees its row and its column.

    With x (n, C, H, W) after gelu(BN(x)),

        x_w[.., i, j] = sum_k W_w[j, k] x[.., i, k] + b_w[j]        along the width of every row
        x_h[.., i, j] = sum_k W_h[i, k] x[.., k, j] + b_h[i]        along the height of every column
        y = W_f concat(x, x_w, x_h)                                 W_f: C x 3C, without bias

    `row` holds W_w and `column` W_h. The fusion `sum` has no weights, `weighted_sum` one for each branch and channel,
    at first 1. Branches that are not parallel follow each other: there is one mixed map, beside x where there is
    `identity`. How many weights the paper fuses fewer maps with it does not say; here C x C for each of them.
    """

    def __init__(self, width: int, size: tuple[int, int], mixing: Mixing = Mixing()) -> None:
        super().__init__()
        self.mixing = mixing
        self.norm = nn.BatchNorm2d(width)
        self.row, self.column = nn.Linear(size[1], size[1]), nn.Linear(size[0], size[0])
        maps = (2 if mixing.branches == "parallel" else 1) + mixing.identity
        if mixing.fusion == "linear":
            self.fusion = nn.Conv2d(maps * width, width, 1, bias=False)
        elif mixing.fusion == "weighted_sum":
            self.scales = nn.Parameter(torch.ones(maps, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, H, W) to the same."""
        x = gelu(self.norm(x))
        maps = [x] * self.mixing.identity + self._mixed(x)
        if self.mixing.fusion == "linear":
            found: Tensor = self.fusion(torch.cat(maps, 1))
            return found
        if self.mixing.fusion == "weighted_sum":
            maps = [scale * one for scale, one in zip(self.scales, maps, strict=True)]
        return reduce(add, maps)

    def _mixed(self, x: Tensor) -> list[Tensor]:
        if self.mixing.branches == "horizontal_first":
            return [self._along_columns(self.row(x))]
        if self.mixing.branches == "vertical_first":
            return [self.row(self._along_columns(x))]
        return [self.row(x), self._along_columns(x)]

    def _along_columns(self, x: Tensor) -> Tensor:
        # The matrix from the left: `linear` would want the map transposed, and the result transposed back.
        return torch.matmul(self.column.weight, x) + self.column.bias[:, None]


class ChannelMixing(nn.Module):
    """FFN(LN(x)): LayerNorm over channels, linear from C to alpha C, GELU, linear back, at every position."""

    def __init__(self, width: int, alpha: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand, self.act = nn.Linear(width, int(alpha * width)), nn.GELU()
        self.reduce = nn.Linear(int(alpha * width), width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, H, W) to the same."""
        x = self.norm(x.permute(0, 2, 3, 1))
        found: Tensor = self.reduce(self.act(self.expand(x))).permute(0, 3, 1, 2)
        return found


class Block(nn.Module):
    """x = x + sMLP(DW(x)), then x = x + FFN(LN(x)); without its local or its global part DW or sMLP is the identity."""

    def __init__(self, local: nn.Module, smlp: nn.Module, mlp: nn.Module, drop_path: float = 0.0) -> None:
        super().__init__()
        self.token_mixer = nn.Sequential()
        self.token_mixer.add_module("local", local)
        self.token_mixer.add_module("smlp", smlp)
        self.drop_path1 = DropPath(drop_path) if drop_path else nn.Identity()
        self.mlp = mlp
        self.drop_path2 = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(n, C, H, W) to the same."""
        x = x + self.drop_path1(self.token_mixer(x))
        added: Tensor = self.drop_path2(self.mlp(x))
        return x + added


class SMLPNet(Pyramid):
    """Stages at a quarter, an eighth, a sixteenth and a 32nd of the inputs, each twice as wide as the one before.

    `dim` is the width of the first stage, `alpha` the expansion of the channel mixing; drop path rises linearly with
    the block, from 0 to `drop_path_rate`. The switches are those of the paper's ablations (tables 1 to 4): `local`, the
    depthwise convolutions; `global_` (in a study plain `global`), the sMLP modules; `stages`, those that have sMLP
    modules, counted from 1, by default all; `fusion`, `branches` and `identity`, how an sMLP module makes and joins its
    maps. The dense networks of table 5 are not here: the paper does not say how wide they are.
    """

    def __init__(  # noqa: PLR0913  # what a study may set
        self,
        img_size: Size = 224,
        patch_size: int = 4,
        in_chans: int = 3,
        num_classes: int = 1000,
        *,
        dim: int = 80,
        depths: Sequence[int] = (2, 8, 14, 2),
        alpha: float = 3,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        global_pool: str = "avg",
        local: bool = True,
        global_: bool = True,
        stages: Collection[int] | None = None,
        fusion: Fusion = "linear",
        branches: Branches = "parallel",
        identity: bool = True,
    ) -> None:
        sizes = map_sizes(img_size, patch_size, len(depths))
        mixing = Mixing(fusion, branches, identity)
        kept = _stages_with_smlp(len(depths), local, global_, stages)
        check_share(drop_path_rate=drop_path_rate)
        _check(dim, depths, alpha, mixing)
        check_switches(**{"local": local, "global": global_, "identity": identity})
        rates = torch.linspace(0, drop_path_rate, sum(depths), device="cpu").tolist()
        made: list[Stage] = []
        for number, (size, depth) in enumerate(zip(sizes, depths, strict=True)):
            width = dim << number
            before, step = (width // 2, 2) if number else (in_chans, patch_size)
            blocks = [
                Block(
                    LocalMixing(width) if local else nn.Identity(),
                    SparseMLP(width, size, mixing) if number + 1 in kept else nn.Identity(),
                    ChannelMixing(width, alpha),
                    rates.pop(0),
                )
                for _ in range(depth)
            ]
            made.append(Stage(nn.Conv2d(before, width, step, step, bias=False), blocks))
        width = dim << (len(depths) - 1)
        super().__init__(made, nn.BatchNorm2d(width), width, drop_rate)
        self.img_size = (sizes[0][0] * patch_size, sizes[0][1] * patch_size)
        self.reset_classifier(num_classes, global_pool)

    def forward_features(self, x: Tensor) -> Tensor:
        """The last map, normed; raises ValueError for inputs of a size that the matrices do not fit."""
        if tuple(x.shape[2:]) != self.img_size:
            wanted, found = ("x".join(map(str, size)) for size in (self.img_size, x.shape[2:]))
            raise ValueError(f"built for inputs of {wanted}, not {found}: img_size sets the size of the matrices")
        return super().forward_features(x)

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of the paper's own code under this network's names; what has those already is left as it is.

        There `proj_h` mixes along the width and `proh_w` along the height, both as 1x1 convolutions.
        """
        blocks = [name for name, module in self.named_modules() if isinstance(module, Block)]
        found = {_own_name(name, blocks): tensor for name, tensor in state.items()}
        return {
            name: tensor.flatten(1) if re.search(r"\.(row|column)\.weight$", name) else tensor
            for name, tensor in found.items()
        }


def _stages_with_smlp(count: int, local: bool, global_: bool, stages: Collection[int] | None) -> set[int]:
    known = set(range(1, count + 1))
    if stages is not None and not set(stages) <= known:
        raise ValueError(f"stages are counted from 1 to {count}, not {sorted(stages)}")
    kept = (known if stages is None else set(stages)) if global_ else set()
    if not local and kept != known:
        without = min(known - kept)
        raise ValueError(f"stage {without} would mix no positions: it needs local convolutions or sMLP modules")
    return kept


def _check(dim: int, depths: Sequence[int], alpha: float, mixing: Mixing) -> None:
    check_choice("fusion", mixing.fusion, get_args(Fusion))
    check_choice("branches", mixing.branches, get_args(Branches))
    if dim < 1 or min(depths) < 1 or alpha * dim < 1:
        raise ValueError(f"dim, depths and alpha dim must be at least 1, not {dim}, {list(depths)} and {alpha * dim:g}")


_OWN = {"batch_norm": "norm", "mlp_head.0": "head"}
_PARTS = {
    "0.conv_merge.BN": "token_mixer.local.norm",
    "0.conv_merge.Conv": "token_mixer.local.convolution",
    "1.BN": "token_mixer.smlp.norm",
    "1.proj_h": "token_mixer.smlp.row",
    "1.proh_w": "token_mixer.smlp.column",
    "1.fuse": "token_mixer.smlp.fusion",
    "2.net.0": "mlp.expand",
    "2.net.3": "mlp.reduce",
}


def _own_name(published: str, blocks: Sequence[str]) -> str:
    part, _, tensor = published.rpartition(".")
    if found := re.fullmatch(r"(token|channel)_mix\.(\d+)\.(.+)", part):
        own = "mlp.norm" if found.group(1, 3) == ("channel", "1") else _PARTS.get(found[3], found[3])
        number = int(found[2])
        # A block that is not here keeps its name, and is said to belong to another network.
        return f"{blocks[number]}.{own}.{tensor}" if number < len(blocks) else published
    part = re.sub(r"^to_patch_embedding\.(\d+)\.0$", r"stages.\1.embedding", part)
    return f"{_OWN.get(part, part)}.{tensor}"


_TABLE: dict[str, dict[str, Any]] = {
    "smlpnet_t": {"dim": 80, "depths": (2, 8, 14, 2), "alpha": 3},
    "smlpnet_t_star": {"dim": 80, "depths": (2, 8, 14, 2), "alpha": 2},
    "smlpnet_s": {"dim": 96, "depths": (2, 10, 24, 2), "alpha": 3, "drop_path_rate": 0.2},
    "smlpnet_b": {"dim": 112, "depths": (2, 10, 24, 2), "alpha": 3, "drop_path_rate": 0.3},
}
default_cfgs = generate_default_cfgs(
    {name: configuration(224, "stages.0.embedding", "head", fixed_input_size=True) for name in _TABLE}
)


def _smlpnet(name: str, pretrained: bool, options: dict[str, Any]) -> SMLPNet:
    # `global` is a word of the language, and no argument can be called so.
    named = {"global_" if option == "global" else option: value for option, value in options.items()}
    return built(SMLPNet, name, _TABLE[name], pretrained, named)


@register_model
def smlpnet_t(pretrained: bool = False, **options: Any) -> SMLPNet:
    """24.1 M parameters."""
    return _smlpnet("smlpnet_t", pretrained, options)


@register_model
def smlpnet_t_star(pretrained: bool = False, **options: Any) -> SMLPNet:
    """T with a narrower channel mixing, 19.2 M parameters: the paper's T*, on which its ablations are made."""
    return _smlpnet("smlpnet_t_star", pretrained, options)


@register_model
def smlpnet_s(pretrained: bool = False, **options: Any) -> SMLPNet:
    """48.6 M parameters."""
    return _smlpnet("smlpnet_s", pretrained, options)


@register_model
def smlpnet_b(pretrained: bool = False, **options: Any) -> SMLPNet:
    """65.9 M parameters."""
    return _smlpnet("smlpnet_b", pretrained, options)
