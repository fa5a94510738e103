"""Sparse-MLP: an MLP-Mixer whose last blocks are mixtures of experts in both directions (arXiv 2109.02008v2)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from timm.layers.drop import DropPath
from timm.layers.mlp import Mlp
from timm.layers.patch_embed import PatchEmbed
from timm.models import register_model
from torch import Tensor, nn

from harness.architectures.building import built, check_choice, check_least, check_share, check_switches, configuration
from harness.architectures.gating import NOISES, Mixture, Noise

PLACES = ("last", "first")


@dataclass(frozen=True)
class SparseMlpOptions:
    """What table 2 of the paper tells of a network, in its symbols, and the switches of its ablations (section 4.3).

    S = (img_size / patch_size)^2 tokens of C = `embed_dim` channels pass through L1 = `depth` dense blocks, with
    D_S = `tokens_dim` and D_C = `channels_dim`, and L2 = `sparse_depth` sparse ones, which stand `sparse_at` the end or
    the beginning. Within a sparse block there are S' = `inner_tokens` tokens (None: the rule, 2 S) of C' = `inner_dim`
    channels (None: C / 2); without `re_represent` layers S' = S and C' = C. MoE_S has `token_experts` of width
    D_S' = `inner_tokens_dim`, of which an item meets `token_top_k`; MoE_C has `channel_experts` of width
    D_C' = `inner_channels_dim`, or it is a plain MLP of that width, where `has_channel_experts` is false.

    `auxiliary_weight` is lambda; whether the losses of several layers are summed or averaged the paper doesn't say, and
    they are summed. It gives no rate of stochastic depth: `drop_path_rate` grows linearly from 0 at the first block.
    Nor does it say how weights start: linear maps start as torch starts them.
    """

    img_size: int = 224
    patch_size: int = 16
    in_chans: int = 3
    num_classes: int = 1000
    embed_dim: int = 512
    tokens_dim: int = 256
    channels_dim: int = 2048
    depth: int = 6
    sparse_depth: int = 2
    sparse_at: Literal["last", "first"] = "last"
    re_represent: bool = True
    inner_tokens: int | None = None
    inner_dim: int | None = None
    token_experts: int = 4
    token_top_k: int = 1
    inner_tokens_dim: int = 512
    has_channel_experts: bool = True
    channel_experts: int = 4
    channel_top_k: int = 2
    inner_channels_dim: int = 2048
    noise: Noise = "training"
    auxiliary_weight: float = 0.01
    drop_path_rate: float = 0.0

    def __post_init__(self) -> None:
        check_choice("sparse_at", self.sparse_at, PLACES)
        check_choice("noise", self.noise, NOISES)
        check_switches(re_represent=self.re_represent, has_channel_experts=self.has_channel_experts)
        check_least(0, auxiliary_weight=self.auxiliary_weight)
        check_share(drop_path_rate=self.drop_path_rate)
        if self.patch_size < 1 or self.img_size < 1 or self.img_size % self.patch_size:
            message = "must be a multiple of patch_size"
            raise ValueError(f"img_size {message}, {self.patch_size}, and is {self.img_size}")
        sizes = ("embed_dim", "tokens_dim", "channels_dim", "inner_tokens_dim", "inner_channels_dim")
        given = {name: getattr(self, name) for name in (*sizes, "inner_tokens", "inner_dim")}
        check_least(1, **{name: size for name, size in given.items() if size is not None})
        if min(self.depth, self.sparse_depth) < 0 or self.depth + self.sparse_depth == 0:
            raise ValueError(f"{self.depth} dense and {self.sparse_depth} sparse blocks; at least one block is needed")
        if self.sparse_depth:
            self._check_inner()

    def _check_inner(self) -> None:
        if not self.re_represent and (self.inner_tokens, self.inner_dim) != (None, None):
            raise ValueError("inner_tokens and inner_dim are of re-represent layers, and re_represent is false")
        if self.re_represent and self.inner_dim is None and self.embed_dim % 2:
            raise ValueError(f"embed_dim {self.embed_dim} is odd and can't be halved; say inner_dim")
        check_experts("token", self.token_experts, self.token_top_k)
        if self.has_channel_experts:
            check_experts("channel", self.channel_experts, self.channel_top_k)

    @property
    def outside(self) -> tuple[int, int]:
        """S and C."""
        return (self.img_size // self.patch_size) ** 2, self.embed_dim

    @property
    def inside(self) -> tuple[int, int]:
        """S' and C'."""
        tokens, channels = self.outside
        if not self.re_represent:
            return tokens, channels
        return self.inner_tokens or 2 * tokens, self.inner_dim or channels // 2


def check_experts(kind: str, experts: int, top_k: int) -> None:
    """Raises ValueError where no item could meet so many experts."""
    if experts < 1:
        raise ValueError(f"{kind}_experts must be 1 or more, and is {experts}; one expert is a plain MLP")
    if not 1 <= top_k <= experts:
        raise ValueError(f"{kind}_top_k must be between 1 and the number of {kind} experts, {experts}; it is {top_k}")


class MixerLayer(nn.Module):
    """x + T(MLP_S(T(LN(x)))), then x + MLP_C(LN(x)); equations 1 to 3, whatever the two MLPs are."""

    def __init__(self, channels: int, mlp_tokens: nn.Module, mlp_channels: nn.Module, drop_path: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels, eps=1e-6), nn.LayerNorm(channels, eps=1e-6)
        self.mlp_tokens, self.mlp_channels = mlp_tokens, mlp_channels
        self.drop_path1, self.drop_path2 = DropPath(drop_path), DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, S, C)."""
        x = x + self.drop_path1(self.mlp_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2))
        y: Tensor = x + self.drop_path2(self.mlp_channels(self.norm2(x)))
        return y


class DenseBlock(MixerLayer):
    """A Mixer layer of S x C with plain MLPs."""

    def __init__(self, options: SparseMlpOptions, drop_path: float) -> None:
        tokens, channels = options.outside
        super().__init__(channels, Mlp(tokens, options.tokens_dim), Mlp(channels, options.channels_dim), drop_path)


class SparseBlock(MixerLayer):
    """R1, then a Mixer layer of S' x C' whose MLPs are mixtures of experts, then R2; nothing bypasses R1 and R2.

    MoE_S routes columns, the channels of an item with all its tokens; MoE_C routes rows, its tokens (figure 1).
    """

    def __init__(self, options: SparseMlpOptions, drop_path: float) -> None:
        inner_tokens, inner_dim = options.inside
        expert = partial(Mlp, inner_tokens, options.inner_tokens_dim)
        mlp_tokens = Mixture(inner_tokens, options.token_experts, options.token_top_k, expert, options.noise)
        expert = partial(Mlp, inner_dim, options.inner_channels_dim)
        mlp_channels = (
            Mixture(inner_dim, options.channel_experts, options.channel_top_k, expert, options.noise)
            if options.has_channel_experts
            else expert()
        )
        super().__init__(inner_dim, mlp_tokens, mlp_channels, drop_path)
        self.options = options
        self.represent: nn.Module = nn.Identity()
        self.restore: nn.Module = nn.Identity()
        if options.re_represent:
            tokens, channels = options.outside
            self.represent = nn.Sequential(TokenStep(channels, tokens, inner_tokens), ChannelStep(channels, inner_dim))
            self.restore = nn.Sequential(ChannelStep(inner_dim, channels), TokenStep(channels, inner_tokens, tokens))

    def forward(self, x: Tensor) -> Tensor:
        """x (n, S, C)."""
        y: Tensor = self.restore(super().forward(self.represent(x)))
        return y


class TokenStep(nn.Module):
    """Half of a re-represent layer (algorithm 1): gelu(linear(LN(x))) over tokens, (n, S, C) to (n, S', C)."""

    def __init__(self, channels: int, tokens: int, given: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.linear = nn.Linear(tokens, given)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(self.linear(self.norm(x).transpose(1, 2))).transpose(1, 2)


class ChannelStep(nn.Module):
    """The other half: gelu(linear(LN(x))) over channels, (n, S, C) to (n, S, C')."""

    def __init__(self, channels: int, given: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.linear = nn.Linear(channels, given)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(self.linear(self.norm(x)))


class SparseMlp(nn.Module):
    """Patches, dense and sparse blocks, mean over tokens, a linear head; the options are SparseMlpOptions."""

    __signature__ = inspect.signature(SparseMlpOptions)

    def __init__(self, **options: Any) -> None:
        super().__init__()
        asked = SparseMlpOptions(**options)
        self.options = asked
        self.num_classes = asked.num_classes
        self.num_features = self.head_hidden_size = self.embed_dim = asked.embed_dim
        self.stem = PatchEmbed(asked.img_size, asked.patch_size, asked.in_chans, asked.embed_dim)
        self.blocks = nn.Sequential(*_blocks(asked))
        self.norm = nn.LayerNorm(asked.embed_dim, eps=1e-6)
        self.head: nn.Module = nn.Identity()
        self.reset_classifier(asked.num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """(n, channels, height, width) to tokens after the last norm, (n, S, C)."""
        tokens: Tensor = self.norm(self.blocks(self.stem(x)))
        return tokens

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Tokens (n, S, C) to logits, or to what the head reads, (n, C)."""
        mean = x.mean(dim=1)
        given: Tensor = mean if pre_logits else self.head(mean)
        return given

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    @property
    def adds_losses(self) -> bool:
        """Whether there is a mixture, and lambda is not zero."""
        return bool(self.options.auxiliary_weight) and any(isinstance(module, Mixture) for module in self.modules())

    def auxiliary_losses(self) -> dict[str, Tensor]:
        """lambda (L_imp / 2 + L_load / 2), summed over the mixtures, of the last pass in training (equation 6)."""
        found = []
        for module in self.modules():
            if isinstance(module, Mixture) and module.auxiliary is not None:
                found.append(module.auxiliary)
                module.auxiliary = None
        return {"balance": self.options.auxiliary_weight * torch.stack(found).sum()} if found else {}

    def get_classifier(self) -> nn.Module:
        """The head."""
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Another head; there is one way to pool, the mean."""
        check_choice("global_pool", global_pool, (None, "avg"))
        self.num_classes = num_classes
        self.head = nn.Linear(self.embed_dim, num_classes) if num_classes else nn.Identity()

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Which layer a parameter belongs to, for timm's layer decay; a block is one, coarse or fine."""
        blocks = r"^blocks\.(\d+)"
        return {"stem": r"^stem", "blocks": blocks if coarse else [(blocks, None), (r"^norm", (99999,))]}


def _blocks(options: SparseMlpOptions) -> list[nn.Module]:
    depth = options.depth + options.sparse_depth
    rates = torch.linspace(0, options.drop_path_rate, depth, device="cpu").tolist()
    is_sparse = [options.sparse_depth > at for at in range(depth)]
    if options.sparse_at == "last":
        is_sparse.reverse()
    pairs = zip(is_sparse, rates, strict=True)
    return [SparseBlock(options, rate) if sparse else DenseBlock(options, rate) for sparse, rate in pairs]


_S: dict[str, Any] = {"embed_dim": 512, "tokens_dim": 256, "channels_dim": 2048}
_B: dict[str, Any] = {"embed_dim": 768, "tokens_dim": 384, "channels_dim": 3072}
_SPARSE_B: dict[str, Any] = {
    **_B,
    "inner_tokens_dim": 768,
    "inner_channels_dim": 1536,
}
# Table 2, and the Mixers that the networks are compared with. Sparse-S keeps its width within a sparse block, against
# the rule of half of it, and has no experts over channels.
TABLE: dict[str, dict[str, Any]] = {
    "sparse_mlp_s": {
        **_S,
        "depth": 6,
        "sparse_depth": 2,
        "inner_dim": 512,
        "token_experts": 4,
        "has_channel_experts": False,
    },
    "sparse_mlp_b": {**_SPARSE_B, "depth": 10, "sparse_depth": 2, "token_experts": 8},
    "sparse_mlp_l": {**_SPARSE_B, "depth": 8, "sparse_depth": 6, "token_experts": 16},
    "sparse_mlp_mixer_s": {**_S, "depth": 8, "sparse_depth": 0},
    "sparse_mlp_mixer_b": {**_B, "depth": 12, "sparse_depth": 0},
    "sparse_mlp_mixer_l": {"embed_dim": 1024, "tokens_dim": 512, "channels_dim": 4096, "depth": 24, "sparse_depth": 0},
}
default_cfgs = {name: configuration(224, "stem.proj", "head") for name in TABLE}


def _registered(name: str) -> Callable[..., SparseMlp]:
    def entry(pretrained: bool = False, **options: Any) -> SparseMlp:
        of_layers = ("inner_tokens", "inner_dim") if options.get("re_represent") is False else ()
        table = {option: value for option, value in TABLE[name].items() if option not in of_layers}
        return built(SparseMlp, name, table, pretrained, options)

    entry.__name__ = name
    return register_model(entry)


ENTRIES = tuple(map(_registered, TABLE))
