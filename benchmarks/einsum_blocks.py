"""Blocks of LIT, CycleMLP, giMLP, Sparse-MLP and sparse all-MLP at published sizes, and the same again by einsum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import torch
from timm.layers.mlp import Mlp
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, relu
from torchvision.ops import deform_conv2d  # type: ignore[import-untyped]  # it has no types

from harness.architectures import gimlp, lit, sparse_all_mlp, sparse_mlp
from harness.architectures.gating import Mixture
from harness.architectures.spatial import SpatialMixture
from harness.architectures.token_merging import TokenMerging

Run: TypeAlias = Callable[[Tensor], Tensor]
Case: TypeAlias = tuple[Run, Run, Tensor]


def networks() -> Iterator[tuple[str, Case]]:
    """A module, the same by einsum, and what both are given; the same MACs."""
    yield "lit_merging", _lit_merging()
    yield "lit_block", _lit_block()
    yield "cyclemlp_block", _cycle_block("none")
    yield "gimlp_block", _cycle_block("figure")
    yield "sparse_mlp_dense_block", _mixer_block()
    yield "sparse_all_mlp_dense_block", _gmlp_block()
    yield "sparse_all_mlp_spatial_mixture", _spatial_mixture()


def experts() -> Iterator[tuple[str, float, Case]]:
    """A mixture, the share of the MACs of its experts that it runs, all of its experts by einsum, and the inputs."""
    yield "sparse_mlp_token_mixture", 1 / 4, _mixture(392, 512, 4, 1, (8 * 512, 392))
    yield "sparse_mlp_channel_mixture", 2 / 4, _mixture(384, 1536, 4, 2, (8 * 392, 384))
    yield "sparse_all_mlp_token_mixture", 1 / 8, _token_mixture(8)


def shaken(module: Any) -> Any:
    """In eval mode, with weights and statistics away from the start: offsets, gates and positions have a say."""
    with torch.no_grad():
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if tensor.is_floating_point() and not name.endswith("running_var"):
                tensor.add_(0.02 * torch.randn(tensor.shape))
    return module.eval()


def _norm(m: Any, x: Tensor) -> Tensor:
    found: Tensor = nn.functional.layer_norm(x, x.shape[-1:], m.weight, m.bias, m.eps)
    return found


def _linear(m: Any, x: Tensor) -> Tensor:
    found = torch.einsum("...i,oi->...o", x, m.weight)
    return found if m.bias is None else found + m.bias


def _mlp(m: Any, x: Tensor) -> Tensor:
    return _linear(m.fc2, gelu(_linear(m.fc1, x)))


def _lit_merging() -> Case:
    """Between the first stages of LIT-S: 56 x 56 tokens of 96 channels, and torchvision's deformable convolution."""
    made = shaken(TokenMerging((56, 56), 96, 192))

    def reference(x: Tensor) -> Tensor:
        layer, norm = made.dconv, made.norm_layer
        x = torch.einsum("nijc->ncij", x.reshape(len(x), 56, 56, -1))
        offsets = conv2d(x, layer.conv_offset.weight, layer.conv_offset.bias, 2)
        y = deform_conv2d(x, offsets, layer.weight, layer.bias, stride=2)
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        y = (y - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
        return torch.einsum("ncij->nijc", gelu(y)).flatten(1, 2)

    return made, reference, torch.randn(4, 56 * 56, 96)


def _lit_block() -> Case:
    """Of LIT-S's third stage: attention over 14 x 14 tokens with a bias for relative positions, and an MLP."""
    made = shaken(lit.Block(lit.Stage((14, 14), 384, 1, 12, 4, True), "relative", 0.0, 1e-5))
    attn = made.attn

    def reference(x: Tensor) -> Tensor:
        q, k, v = _linear(attn.qkv, _norm(made.norm1, x)).reshape(*x.shape[:2], 3, 12, 32).unbind(2)
        bias = torch.einsum("ijh->hij", attn.relative_position_bias_table[attn.relative_position_index])
        scores = torch.einsum("nihd,njhd->nhij", q, k) / 32**0.5 + bias
        mixed = torch.einsum("nhij,njhd->nihd", scores.softmax(-1), v).flatten(2)
        x = x + _linear(attn.proj, mixed)
        return x + _mlp(made.mlp, _norm(made.norm2, x))

    return made, reference, torch.randn(8, 196, 384)


def _cycled(m: Any, x: Tensor) -> Tensor:
    """CycleFC as a convolution of one row or column, of whose three taps each channel has one."""
    taps = torch.arange(x.shape[-1])[:, None] % 3 == torch.tensor([2, 0, 1])
    kernel = torch.einsum("oc,ct->oct", m.weight[:, :, 0, 0], taps.to(x))
    shape, padding = ((3, 1), (1, 0)) if m.axis == 1 else ((1, 3), (0, 1))
    y = conv2d(torch.einsum("nijc->ncij", x), kernel.reshape(*kernel.shape[:2], *shape), m.bias, padding=padding)
    return torch.einsum("ncij->nijc", y)


def _cycle_block(form: str) -> Case:
    """Of B1's second stage, 28 x 28 positions of 128 channels, without inhibition or with it as in the figure."""
    level = 0.3 if form == "figure" else None
    options = gimlp.CycleMlpOptions(inhibition=form, inhibition_level=level)  # type: ignore[arg-type]  # a literal
    made: Any = gimlp.Block(128, 4, 0.0, options)
    cycle = made.attn
    for layer in (cycle.sfc_h, cycle.sfc_w):
        nn.init.normal_(layer.weight, std=0.05)  # left to the network as a whole
    shaken(made)

    def gated(x: Tensor) -> Tensor:
        i = _mlp_of_gate(made.mlp.gate, x)
        return gelu(_mlp(made.mlp, x)) * gelu(i - 0.3 * i.max())

    def reference(x: Tensor) -> Tensor:
        y = _norm(made.norm1, x)
        h, w, c = _cycled(cycle.sfc_h, y), _cycled(cycle.sfc_w, y), _linear(cycle.mlp_c, y)
        share = _mlp(cycle.reweight, (h + w + c).mean((1, 2))).reshape(len(x), -1, 3).softmax(-1)
        x = x + _linear(cycle.proj, torch.einsum("ncb,bnijc->nijc", share, torch.stack((h, w, c))))
        y = _norm(made.norm2, x)
        return x + (gated(y) if form == "figure" else _mlp(made.mlp, y))

    return made, reference, torch.randn(4, 28, 28, 128)


def _mlp_of_gate(gate: Any, x: Tensor) -> Tensor:
    return _linear(gate.inhibition, gelu(_linear(gate.gate, x)))


def _mixer_block() -> Case:
    """A dense block of Sparse-S, 196 tokens of 512 channels."""
    made = shaken(sparse_mlp.DenseBlock(sparse_mlp.SparseMlpOptions(), 0.0))

    def reference(x: Tensor) -> Tensor:
        columns = torch.einsum("nsc->ncs", _norm(made.norm1, x))
        x = x + torch.einsum("ncs->nsc", _mlp(made.mlp_tokens, columns))
        return x + _mlp(made.mlp_channels, _norm(made.norm2, x))

    return made, reference, torch.randn(8, 196, 512)


def _gmlp_block() -> Case:
    """A gMLP block of 128 tokens of 256 channels, 1,024 within."""
    made = shaken(sparse_all_mlp.DenseBlock(128, 256, 1024))
    gate = made.mlp.gate

    def reference(x: Tensor) -> Tensor:
        z1, z2 = gelu(_linear(made.mlp.proj_in, _norm(made.norm, x))).chunk(2, -1)
        mixed = torch.einsum("ts,nsc->ntc", gate.positions.weight.tril(), _norm(gate.norm, z2))
        return x + _linear(made.mlp.proj_out, z1 * (mixed + gate.positions.bias[:, None]))

    return made, reference, torch.randn(16, 128, 256)


def _spatial_mixture() -> Case:
    """Four spatial gates of 64 channels each, chunk by chunk."""
    made = shaken(SpatialMixture(128, 256, 4, "deterministic", None))

    def reference(x: Tensor) -> Tensor:
        matrices = torch.stack([expert.weight for expert in made.experts]).tril()
        biases = torch.stack([expert.bias for expert in made.experts])
        mixed = torch.einsum("jts,nsjc->ntjc", matrices, _norm(made.norm, x).reshape(*x.shape[:2], 4, 64))
        return x * (mixed + torch.einsum("jt->tj", biases)[..., None]).flatten(2)

    return made, reference, torch.randn(16, 128, 256)


def _mixture(width: int, hidden: int, count: int, top_k: int, shape: tuple[int, ...]) -> Case:
    """One of Sparse-B's mixtures, and every expert on every item, weighed by the kept probabilities."""
    made = shaken(Mixture(width, count, top_k, partial(Mlp, width, hidden)))

    def reference(x: Tensor) -> Tensor:
        chances = torch.einsum("mi,ni->mn", x, made.gate.weight).softmax(-1)
        smallest = chances.sort(-1, descending=True).values[:, top_k - 1, None]
        kept = torch.where(chances >= smallest, chances, 0)
        return torch.einsum("mn,nmo->mo", kept, torch.stack([_mlp(expert, x) for expert in made.experts]))

    return made, reference, torch.randn(shape)


def _token_mixture(count: int) -> Case:
    """A BASE layer of 256 channels, 1,024 within, on 2,048 tokens, and every expert on every token."""
    made = shaken(sparse_all_mlp.TokenMixture(256, 1024, count, 1))

    def one(layer: Any, h: Tensor) -> Tensor:
        norm, first, _, last = layer
        return _linear(last, relu(_linear(first, _norm(norm, h))))

    def reference(x: Tensor) -> Tensor:
        affinities = torch.einsum("nsd,ed->nse", x, made.centroids)
        best = affinities.max(-1)
        chosen = nn.functional.one_hot(best.indices, count).to(x) * best.values.sigmoid()[..., None]
        every = torch.stack([one(expert.layers[0], x) for expert in made.experts])
        return torch.einsum("nse,ensd->nsd", chosen, every)

    return made, reference, torch.randn(16, 128, 256)
