"""Sparse all-MLP: a language model without attention, of gMLP blocks and mixtures of experts (arXiv 2203.06850)."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Literal

import torch
from timm.models import register_model
from torch import Tensor, nn

from harness.architectures.assignment import balanced
from harness.architectures.building import built, check_choice, check_switches
from harness.architectures.compiling import uncompiled
from harness.architectures.experts import routed
from harness.architectures.spatial import ROUTINGS, Routing, SpatialGate, SpatialMixture

ORDERS = ("dense_first", "sparse_first", "alternating")


@dataclass(frozen=True)
class SparseAllMlpOptions:
    """A network of `vocabulary` tokens in texts of at most n = `context`, with d = `width` channels.

    N1 = `dense_depth` gMLP blocks of inner width d_z = `gate_dim` (None: f) and N2 = `sparse_depth` sparse ones of
    E = `experts` in both mixtures, FFNs of width f = `ffn_dim`. The published text was not to be had, and with it how
    blocks follow each other, all sizes, and the fraction of a text that partial prediction leaves out: `order`,
    whatever is a size, and `prefix` are options. The sizes here are small, and nobody's but ours; `prefix`, tokens that
    the gate of `partial` routing sees, has no default. `expert_depth` is how many residual layers make an expert;
    with `is_tied` head and embeddings are one table.
    """

    vocabulary: int = 256
    context: int = 128
    width: int = 256
    dense_depth: int = 2
    sparse_depth: int = 2
    gate_dim: int | None = None
    ffn_dim: int = 1024
    experts: int = 4
    expert_depth: int = 1
    routing: Routing = "deterministic"
    prefix: int | None = None
    order: Literal["dense_first", "sparse_first", "alternating"] = "dense_first"
    is_tied: bool = False

    def __post_init__(self) -> None:
        check_choice("routing", self.routing, ROUTINGS)
        check_choice("order", self.order, ORDERS)
        check_switches(is_tied=self.is_tied)
        for name in ("vocabulary", "context", "width", "ffn_dim", "experts", "expert_depth"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, and is {getattr(self, name)}")
        if min(self.dense_depth, self.sparse_depth) < 0 or self.dense_depth + self.sparse_depth == 0:
            counts = f"{self.dense_depth} dense and {self.sparse_depth} sparse blocks"
            raise ValueError(f"{counts}; at least one block is needed")
        if self.inner % 2 or self.inner < 2:
            raise ValueError(f"the inner width of a gMLP block is cut in two halves: gate_dim {self.inner} is not even")
        if self.width % self.experts:
            raise ValueError(f"width {self.width} can't be cut into {self.experts} chunks, one for each of `experts`")
        self._check_prefix()

    def _check_prefix(self) -> None:
        if self.routing != "partial":
            if self.prefix is not None:
                raise ValueError(f"prefix is of partial routing, and routing is {self.routing}")
        elif self.prefix is None:
            raise ValueError("partial routing needs a prefix: how many tokens its gate sees; the paper's is not known")
        elif not 1 <= self.prefix < self.context:
            raise ValueError(f"prefix must be between 1 and the context less one, {self.context - 1}: {self.prefix}")

    @property
    def inner(self) -> int:
        """d_z."""
        return self.ffn_dim if self.gate_dim is None else self.gate_dim

    def is_sparse(self) -> list[bool]:
        """Of each block from below whether it is sparse; `alternating` spreads the sparse ones, dense ones first."""
        dense, sparse = self.dense_depth, self.sparse_depth
        if self.order == "dense_first":
            return [False] * dense + [True] * sparse
        if self.order == "sparse_first":
            return [True] * sparse + [False] * dense
        depth = dense + sparse
        return [(at + 1) * sparse // depth > at * sparse // depth for at in range(depth)]


class DenseBlock(nn.Module):
    """A gMLP block (arXiv 2105.08050, equations 1 and 2): y = x + SGU(Z1, Z2) V with Z = gelu(LN(x) U)."""

    def __init__(self, context: int, width: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = GatedMlp(context, width, inner)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, length, d)."""
        y: Tensor = x + self.mlp(self.norm(x))
        return y


class GatedMlp(nn.Module):
    """gelu(x U) cut into Z1 and Z2 along the channels, the spatial gate of both, and V."""

    def __init__(self, context: int, width: int, inner: int) -> None:
        super().__init__()
        self.proj_in = nn.Linear(width, inner)
        self.gate = SpatialGate(context, inner // 2)
        self.proj_out = nn.Linear(inner // 2, width)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, length, d) to the same shape."""
        z1, z2 = nn.functional.gelu(self.proj_in(x)).chunk(2, dim=-1)
        y: Tensor = self.proj_out(self.gate(z1, z2))
        return y


class SparseBlock(nn.Module):
    """sMoE in the place of attention, then tMoE in the place of the FFN; each starts as the identity."""

    def __init__(self, options: SparseAllMlpOptions) -> None:
        super().__init__()
        width, experts = options.width, options.experts
        self.smoe = SpatialMixture(options.context, width, experts, options.routing, options.prefix)
        self.tmoe = TokenMixture(width, options.ffn_dim, experts, options.expert_depth)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, length, d)."""
        x = self.smoe(x)
        y: Tensor = x + self.tmoe(x)
        return y


class TokenMixture(nn.Module):
    """tMoE, a BASE layer (arXiv 2103.16716): what alpha E_e(h) + (1 - alpha) h adds to h, alpha (E_e(h) - h).

    alpha = sigmoid(h . c_e) with the centroid c_e of expert e. In training tokens are assigned so that every expert has
    as many and the affinities h . c add up to the most; in evaluation each takes the expert of most affinity. The
    centroids learn through alpha alone. An expert is `depth` layers h + W2 relu(W1 LN(h)), of which W2 starts at zero.
    """

    shares_out = True  # so that a training on several processes is refused: each would balance its part alone

    def __init__(self, width: int, hidden: int, experts: int, depth: int) -> None:
        super().__init__()
        self.centroids = nn.Parameter(torch.empty(experts, width))
        nn.init.orthogonal_(self.centroids, gain=0.1)
        self.experts = nn.ModuleList(Expert(width, hidden, depth) for _ in range(experts))

    def forward(self, x: Tensor) -> Tensor:
        """x (n, length, d) to the same shape."""
        tokens = x.flatten(0, 1)
        affinities = nn.functional.linear(tokens, self.centroids)
        chosen = self.assigned(affinities.detach())
        alpha = affinities.gather(1, chosen[:, None]).sigmoid()
        return (alpha * routed(tokens, chosen, self.experts)).view_as(x)

    def assigned(self, affinities: Tensor) -> Tensor:
        """The expert of each token, (tokens,), of affinities (tokens, experts)."""
        if not self.training or affinities.is_meta:
            return affinities.argmax(dim=-1)
        return _balanced(affinities)


@uncompiled  # the exact assignment runs in numpy
def _balanced(affinities: Tensor) -> Tensor:
    exact = balanced(affinities.double().cpu().numpy())
    return torch.from_numpy(exact).to(affinities.device)


class Expert(nn.Module):
    """E(h) - h of an expert: what its layers add to a token, (tokens, d)."""

    def __init__(self, width: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_layer(width, hidden) for _ in range(depth))

    def forward(self, h: Tensor) -> Tensor:
        added: Tensor = self.layers[0](h)
        for layer in self.layers[1:]:
            added = added + layer(h + added)
        return added


def _layer(width: int, hidden: int) -> nn.Module:
    last = nn.Linear(hidden, width)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.ReLU(), last)


@dataclass(frozen=True)
class Read:
    """What a text looks like to the head, (n, length, d)."""

    last_hidden_state: Tensor


@dataclass(frozen=True)
class Told:
    """What is said of the token that comes next, (n, length, vocabulary)."""

    logits: Tensor


class Body(nn.Module):
    """Embeddings, blocks and a last norm; positions are known by W alone."""

    def __init__(self, options: SparseAllMlpOptions) -> None:
        super().__init__()
        self.embed = nn.Embedding(options.vocabulary, options.width)
        self.blocks = nn.ModuleList(
            SparseBlock(options) if sparse else DenseBlock(options.context, options.width, options.inner)
            for sparse in options.is_sparse()
        )
        self.norm = nn.LayerNorm(options.width)

    def forward(self, ids: Tensor, use_cache: bool = False) -> Read:
        """Token ids (n, length), of at most `context` tokens; there is no cache to be used."""
        if use_cache:
            raise ValueError("a sparse all-MLP keeps no cache: what it mixes changes with every token")
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return Read(self.norm(x))


class SparseAllMlp(nn.Module):
    """The body, and a head that tells the next token; the options are SparseAllMlpOptions.

    It answers to what the harness asks of a decoder of transformers, but writes no texts, for it keeps no cache. Linear
    maps and embeddings start as torch starts them, since the paper's way is not known.
    """

    __signature__ = inspect.signature(SparseAllMlpOptions)

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.config = SparseAllMlpOptions(**options)
        self.model = Body(self.config)
        self.head = nn.Linear(self.config.width, self.config.vocabulary, bias=False)
        if self.config.is_tied:  # it starts as a head does: with the spread of embeddings, logits would be too large
            self.model.embed.weight = self.head.weight

    @property
    def base_model(self) -> Body:
        """The network without its head."""
        return self.model

    @property
    def unscored(self) -> int:
        """How many tokens of an item are not to be told, since a gate saw them: all of the prefix but the first.

        The first is nobody's next token, so that a prefix of one token costs nothing.
        """
        return self.config.prefix - 1 if self.config.prefix else 0

    def get_input_embeddings(self) -> nn.Embedding:
        """The table of embeddings."""
        return self.model.embed

    def get_output_embeddings(self) -> nn.Linear:
        """The head."""
        return self.head

    def forward(self, ids: Tensor, use_cache: bool = False) -> Told:
        """Token ids (n, length), of at most `context` tokens."""
        return Told(self.head(self.model(ids, use_cache=use_cache).last_hidden_state))


# What timm keeps of every network; this one has no size of an input and no classes.
default_cfgs = {"sparse_all_mlp": {"url": "", "num_classes": -1, "input_size": None}}


@register_model
def sparse_all_mlp(pretrained: bool = False, **options: Any) -> SparseAllMlp:
    """The network of the options' own sizes; the published ones are not known."""
    if {"num_classes", "in_chans"} & options.keys():
        raise ValueError("it reads tokens, and tells the next one; 'data: text' would do")
    return built(SparseAllMlp, "sparse_all_mlp", {}, pretrained, options)
