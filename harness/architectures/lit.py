"""LIT, the Less Attention Vision Transformer: MLPs alone in the early stages, global attention in the late ones.

"Less is More: Pay Less Attention in Vision Transformers", AAAI 2022, arXiv 2105.14217.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from timm.layers.weight_init import trunc_normal_
from timm.models import generate_default_cfgs, register_model
from torch import Tensor, nn

from harness.architectures.attention import Attention, RelativeAttention
from harness.architectures.building import (
    Renamings,
    built,
    check_choice,
    check_hidden,
    check_least,
    check_share,
    check_stages,
    configuration,
    renamed,
)
from harness.architectures.pyramid import Size, map_sizes
from harness.architectures.token_merging import MERGINGS, PatchEmbedding, merging

POSITIONS = ("relative", "absolute")
POOLS = ("avg", "token")
OFFSET_RATE = 0.01  # share of the learning rate at which the offsets of token merging learn


@dataclass(frozen=True)
class LitOptions:
    """A network of the paper; its stages have one value each of `embed_dims` and the four options that follow it.

    `has_msa` says whether the blocks of a stage have attention. `merging` between stages is `deformable`, or to leave
    a part of it out `conv2x2` (the same without offsets) or `linear` (as PVT merges, with a norm after it). The rows
    of the paper's own ablation of both were not available. `position` is a `relative` bias in every attention, or
    `absolute`, added to the tokens at the beginning of each stage. `global_pool` is the mean, or a class `token` that
    joins in the last stage. `drop_path_rate` is reached at the last block, in equal steps from zero at the first.
    """

    img_size: Size = 224
    patch_size: int = 4
    in_chans: int = 3
    num_classes: int = 1000
    embed_dims: Sequence[int] = (96, 192, 384, 768)
    depths: Sequence[int] = (2, 2, 6, 2)
    num_heads: Sequence[int] = (3, 6, 12, 24)
    mlp_ratios: Sequence[float] = (4, 4, 4, 4)
    has_msa: Sequence[bool | int] = (0, 0, 1, 1)
    merging: Literal["deformable", "conv2x2", "linear"] = "deformable"
    position: Literal["relative", "absolute"] = "relative"
    global_pool: Literal["avg", "token"] = "avg"
    norm_eps: float = 1e-5
    drop_path_rate: float = 0.0

    def __post_init__(self) -> None:
        check_choice("merging", self.merging, MERGINGS)
        check_choice("position", self.position, POSITIONS)
        check_choice("global_pool", self.global_pool, POOLS)
        check_stages(**{name: getattr(self, name) for name in _OF_STAGES})
        for width, depth, heads in zip(self.embed_dims, self.depths, self.num_heads, strict=True):
            check_least(1, embed_dims=width, depths=depth, num_heads=heads)
        check_share(drop_path_rate=self.drop_path_rate)
        check_least(1e-12, norm_eps=self.norm_eps)
        for flag in self.has_msa:
            check_choice("has_msa", flag, (0, 1))
        if self.global_pool == "token":
            self._check_token()

    def _check_token(self) -> None:
        if self.position == "relative":
            raise ValueError("a class token has no relative position; take position='absolute' or global_pool='avg'")
        if not self.has_msa[-1]:
            raise ValueError("without attention in the last stage a class token sees no image; take global_pool='avg'")

    @property
    def stages(self) -> list[Stage]:
        """What is said of each stage."""
        grids = map_sizes(self.img_size, self.patch_size, len(self.embed_dims))
        return [Stage(*values) for values in zip(grids, *(getattr(self, name) for name in _OF_STAGES), strict=True)]


_OF_STAGES = ("embed_dims", "depths", "num_heads", "mlp_ratios", "has_msa")


@dataclass(frozen=True)
class Stage:
    """What one stage is built of; `grid` is the height and width of its map of tokens."""

    grid: tuple[int, int]
    width: int
    depth: int
    heads: int
    mlp_ratio: float
    has_msa: bool

    def attention(self, position: str) -> Attention | None:
        """A block's attention, where the stage has any."""
        if not self.has_msa:
            return None
        if position == "absolute":
            return Attention(self.width, self.heads)
        return RelativeAttention(self.width, self.heads, self.grid)


class Block(nn.Module):
    """x = x + MSA(LN(x)), where the stage has attention; x = x + MLP(LN(x)); both with stochastic depth.

    Without attention no token meets another one here. Tokens (n, tokens, width) stay of that shape.
    """

    def __init__(self, stage: Stage, position: str, drop_path: float, eps: float) -> None:
        super().__init__()
        self.attn = stage.attention(position)
        if self.attn is not None:
            self.norm1, self.drop_path1 = nn.LayerNorm(stage.width, eps=eps), DropPath(drop_path)
        self.norm2, self.drop_path2 = nn.LayerNorm(stage.width, eps=eps), DropPath(drop_path)
        self.mlp = Mlp(stage.width, check_hidden("mlp_ratios", stage.mlp_ratio, stage.width))

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        if self.attn is not None:
            x = x + self.drop_path1(self.attn(self.norm1(x)))
        given: Tensor = x + self.drop_path2(self.mlp(self.norm2(x)))
        return given


class Layer(nn.Module):
    """The blocks of a stage and what merges their tokens; the last stage merges none."""

    def __init__(self, blocks: Sequence[Block], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (n, H*W, width) to those of the next stage, (n, H*W/4, width there)."""
        given: Tensor = self.blocks(x)
        return given if self.downsample is None else self.downsample(given)


class Lit(nn.Module):
    """Images (n, channels, height, width) of one size to logits (n, classes); the options are LitOptions."""

    __signature__ = inspect.signature(LitOptions)

    def __init__(self, **options: Any) -> None:
        super().__init__()
        asked = LitOptions(**options)
        stages = asked.stages
        self.options, self.grid, self.global_pool = asked, stages[0].grid, asked.global_pool
        self.num_features = self.head_hidden_size = stages[-1].width
        self.patch_embed = PatchEmbedding(asked.in_chans, stages[0].width, asked.patch_size, asked.norm_eps)
        tokens = [stage.grid[0] * stage.grid[1] for stage in stages]
        if asked.global_pool == "token":
            self.cls_token = nn.Parameter(torch.zeros(1, 1, self.num_features))
            tokens[-1] += 1
        if asked.position == "absolute":
            self.pos_embed = nn.ParameterList(
                torch.zeros(1, count, stage.width) for count, stage in zip(tokens, stages, strict=True)
            )
        self.layers = nn.Sequential(*_layers(asked, stages))
        self.norm = nn.LayerNorm(self.num_features, eps=asked.norm_eps)
        self.head: nn.Module = nn.Identity()
        self.reset_classifier(asked.num_classes)
        self._start()

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """Images to the normed tokens of the last stage (n, tokens, width), a class token before the others."""
        patch, grid = self.options.patch_size, self.grid
        if x.shape[-2:] != (patch * grid[0], patch * grid[1]):
            expected = f"{patch * grid[0]} x {patch * grid[1]}"
            raise ValueError(f"built for images of {expected}, not {x.shape[-2]} x {x.shape[-1]}; set img_size")
        x = self.patch_embed(x)
        for at, layer in enumerate(self.layers):
            if self.global_pool == "token" and at == len(self.layers) - 1:
                x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)
            x = layer(x + self.pos_embed[at] if self.options.position == "absolute" else x)
        normed: Tensor = self.norm(x)
        return normed

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Normed tokens to logits, or to what the head reads (n, width): the class token or the mean."""
        x = x[:, 0] if self.global_pool == "token" else x.mean(dim=1)
        return x if pre_logits else self.head(x)

    def learning_rate_factors(self) -> dict[str, float]:
        """The offsets of token merging learn at a hundredth of the rate, in all published networks."""
        return {name: OFFSET_RATE for name, _ in self.named_parameters() if ".conv_offset." in name}

    def no_weight_decay(self) -> set[str]:
        """What does not decay, beside biases and norms."""
        spared = ("cls_token", "relative_position_bias_table")
        return {name for name, _ in self.named_parameters() if name.endswith(spared)}

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Which layer a parameter belongs to, for timm's layer decay: stages, or their blocks."""
        last = len(self.layers) - 1  # where the class token joins
        stages = [(r"^(?:layers|pos_embed)\.(\d+)", None), (r"^cls_token", (last,))]
        # 99999: with the layer before. Merging ends a stage, positions begin it.
        fine: list[Any] = [(r"^layers\.(\d+)\.downsample", (99999,)), (r"^layers\.(\d+)\.blocks\.(\d+)", None)]
        fine += [(r"^pos_embed\.(\d+)", (0,)), (r"^cls_token", (last, 0)), (r"^norm", (99999,))]
        return {"stem": r"^patch_embed|^pos_embed\.0$", "blocks": stages if coarse else fine}

    def get_classifier(self) -> nn.Module:
        """The head."""
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Another head, none for no classes; a class token belongs to the weights, and stays or stays away."""
        check_choice("global_pool", global_pool, (None, self.global_pool))
        self.num_classes = num_classes
        device = self.norm.weight.device
        self.head = nn.Linear(self.num_features, num_classes, device=device) if num_classes else nn.Identity()

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of the paper's own code for Ti under this network's names; those of S, M and B are the same there."""
        return {renamed(name, _NAMES): tensor for name, tensor in state.items()}

    def _start(self) -> None:
        """Linear maps and positions start small; convolutions as torch starts them, norms and biases at rest."""
        for name, parameter in self.named_parameters():
            if name.startswith(("pos_embed", "cls_token")):
                trunc_normal_(parameter, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)


_NAMES: Renamings = (
    (r"^patch_embed1\.", "patch_embed."),
    (r"^patch_embed(\d)\.", lambda found: f"layers.{int(found[1]) - 2}.downsample."),
    (r"^pos_embed(\d)$", lambda found: f"pos_embed.{int(found[1]) - 1}"),
    (r"^block(\d)\.", lambda found: f"layers.{int(found[1]) - 1}.blocks."),
)


def _layers(asked: LitOptions, stages: Sequence[Stage]) -> list[Layer]:
    count = sum(stage.depth for stage in stages)
    rates = iter([asked.drop_path_rate * at / max(count - 1, 1) for at in range(count)])
    found = []
    for stage, following in zip(stages, [*stages[1:], None], strict=True):
        blocks = [Block(stage, asked.position, next(rates), asked.norm_eps) for _ in range(stage.depth)]
        widths = following and (stage.width, following.width)
        merger = merging(asked.merging, stage.grid, widths, asked.norm_eps) if widths else None
        found.append(Layer(blocks, merger))
    return found


# Ti differs from the others in position, pooling and MLPs too: the four are no series of sizes.
TABLE: dict[str, dict[str, Any]] = {
    "lit_ti": {
        "embed_dims": (64, 128, 320, 512),
        "depths": (3, 4, 6, 3),
        "num_heads": (1, 2, 5, 8),
        "mlp_ratios": (8, 8, 4, 4),
        "position": "absolute",
        "global_pool": "token",
        "norm_eps": 1e-6,
        "drop_path_rate": 0.1,
    },
    "lit_s": {"drop_path_rate": 0.2},
    "lit_m": {"depths": (2, 2, 18, 2), "drop_path_rate": 0.3},
    "lit_b": {
        "embed_dims": (128, 256, 512, 1024),
        "depths": (2, 2, 18, 2),
        "num_heads": (4, 8, 16, 32),
        "drop_path_rate": 0.5,
    },
}
default_cfgs = generate_default_cfgs(
    {name: configuration(224, "patch_embed.proj", "head", fixed_input_size=True) for name in TABLE}
)


def _registered(name: str) -> Callable[..., Lit]:
    def entry(pretrained: bool = False, **options: Any) -> Lit:
        return built(Lit, name, TABLE[name], pretrained, options)

    entry.__name__ = name
    return register_model(entry)


ENTRIES = tuple(map(_registered, TABLE))
