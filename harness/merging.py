"""The blocks of a vision transformer with token merging between attention and MLP."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from timm.layers.attention import Attention
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import normalize

FAMILY = (VisionTransformer, VisionTransformerDistilled)
POOLED = ("token", "avg")


def refusal(net: nn.Module) -> str | None:
    """Why tokens cannot be merged in this network; None where they can."""
    kind = type(net).__name__
    if not isinstance(net, VisionTransformer) or type(net) not in FAMILY:
        known = " and ".join(family.__name__ for family in FAMILY)
        return f"token merging is not known for a network of class {kind}; it is for timm's {known}"
    if isinstance(net.blocks, MergingBlocks):
        return f"this {kind} merges tokens already"
    strange = [f"blocks.{name}" for name, block in net.blocks.named_children() if not _is_known(block)]
    if strange:
        block = net.get_submodule(strange[0])
        return f"{strange[0]} is a {type(block).__name__}; tokens are merged in timm's Block with its Attention only"
    return _pooling_refusal(net)


def _pooling_refusal(net: VisionTransformer) -> str | None:
    kind = type(net).__name__
    if net.global_pool not in POOLED or getattr(net, "attn_pool", None) is not None:
        return f"this {kind} pools its tokens by {net.global_pool!r}; known: {', '.join(POOLED)}"
    if net.global_pool == "avg" and net.num_prefix_tokens and getattr(net, "pool_include_prefix", False):
        return f"this {kind} averages its class token with the others, which stand for more than it once they merge"
    if net.global_pool == "avg" and not isinstance(net.norm, nn.Identity):
        return f"this {kind} norms every token before their mean, which would not be weighted by what they stand for"
    return None


def _is_known(block: nn.Module) -> bool:
    if type(block) is Block:
        return type(block.attn) is Attention or _is_bare(block.attn)
    return _is_bare(block)


def _is_bare(module: nn.Module) -> bool:
    return next(module.parameters(), None) is None


class MergingBlocks(nn.Sequential):
    """The blocks of a network, in order and under their names, merging `r` tokens each from number `start` on.

    What tokens stand for lives as long as one pass. Blocks whose attention is gone, or swapped out for a while, run
    as they are.
    """

    def __init__(self, net: nn.Module, start: int, r: int) -> None:
        blocks: Any = net.blocks
        super().__init__(OrderedDict(blocks.named_children()))
        self.start, self.r = start, r
        self.protected = int(getattr(net, "num_prefix_tokens", 0))
        self.is_averaged = getattr(net, "global_pool", "token") == "avg"
        self._keys = {path: _Keys(block.attn) for path, block in self.named_children() if _has_attention(block)}
        self.train(blocks.training)

    def forward(self, input: Tensor) -> Tensor:
        """Tokens (n, t, width) in, fewer of them out."""
        x, number, given = input, 0, input.shape[1]
        size: Tensor | None = None
        block: Any
        for path, block in self.named_children():
            if not _has_attention(block):
                x = _passed(block, x)
                continue
            x, keys = self._attended(path, block, x, size)
            r = min(self.r, (x.shape[1] - self.protected) // 2) if number >= self.start else 0
            if r > 0:
                x, size = merged(x, _ones(x) if size is None else size, keys, r, self.protected)
            x = x + block.drop_path2(block.ls2(block.mlp(block.norm2(x))))
            number += 1
        return x if size is None or not self.is_averaged else self._weighted(x, size, given)

    def _attended(self, path: str, block: Any, x: Tensor, size: Tensor | None) -> tuple[Tensor, Tensor]:
        """The stream after attention, and the keys (n, heads, t, d)."""
        mask = None if size is None else size.log().to(x.dtype).transpose(1, 2).unsqueeze(1)  # (n, 1, 1, t)
        branch = block.attn(block.norm1(x), attn_mask=mask)
        return x + block.drop_path1(block.ls1(branch)), self._keys[path].taken()

    def _weighted(self, x: Tensor, size: Tensor, given: int) -> Tensor:
        """Tokens whose plain mean is the mean over what they stand for."""
        share = (x.shape[1] - self.protected) / (given - self.protected)
        weighted = (x * size * share).to(x.dtype)
        return torch.cat((x[:, : self.protected], weighted[:, self.protected :]), dim=1)


def merged(x: Tensor, size: Tensor, keys: Tensor, r: int, protected: int) -> tuple[Tensor, Tensor]:
    """Tokens (n, t - r, width) and sizes (n, t - r, 1) after `r` of t have gone into others by their keys.

    Of equally alike pairs the one nearer to the front merges.
    """
    n, t = x.shape[:2]
    in_a, in_b = (protected + 1) // 2, protected // 2  # of each set, the first ones are protected
    unit = normalize(keys.mean(1), dim=-1)
    alike = unit[:, 2 * in_a :: 2] @ unit[:, 2 * in_b + 1 :: 2].transpose(1, 2)
    best, partner = alike.max(dim=-1)
    order = best.argsort(dim=-1, descending=True, stable=True)
    gone, left = order[:, :r], order[:, r:].sort(dim=-1).values
    source, target = 2 * (gone + in_a), 2 * (partner.gather(1, gone) + in_b) + 1
    places = torch.arange(t, device=x.device).expand(n, t)
    kept = torch.cat((places[:, :protected], 2 * (left + in_a), places[:, 2 * in_b + 1 :: 2]), dim=1)
    total = _gathered(_with_added(size, source, target), kept)
    mean = _gathered(_with_added(x * size, source, target), kept) / total
    return mean.to(x.dtype), total


def _ones(x: Tensor) -> Tensor:
    """Every token stands for itself; counts are not rounded to half precision."""
    return torch.ones(*x.shape[:2], 1, dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)


def _with_added(values: Tensor, source: Tensor, target: Tensor) -> Tensor:
    return values.scatter_add(1, _wide(target, values), _gathered(values, source))


def _gathered(values: Tensor, places: Tensor) -> Tensor:
    return values.gather(1, _wide(places, values))


def _wide(places: Tensor, values: Tensor) -> Tensor:
    return places.unsqueeze(-1).expand(-1, -1, values.shape[-1])


def _has_attention(block: nn.Module) -> bool:
    return type(block) is Block and type(block.attn) is Attention


def _passed(block: nn.Module, x: Tensor) -> Tensor:
    """A block without attention. Anything else here would lose what the tokens stand for."""
    given: Tensor = block(x)
    if type(block) is not Block and given is not x:
        message = (
            f"a {type(block).__name__} stands in for a block of a network that merges tokens; their sizes are lost"
        )
        raise RuntimeError(message)
    return given


class _Keys:
    """Holds the keys of an attention from its pass until they are taken."""

    def __init__(self, attention: Any) -> None:
        self._held: Tensor | None = None
        attention.k_norm.register_forward_hook(self._keep)

    def _keep(self, _module: nn.Module, _inputs: tuple[Any, ...], keys: Tensor) -> None:
        self._held = keys

    def taken(self) -> Tensor:
        """The keys (n, heads, t, d) that met the queries in the last pass."""
        keys, self._held = self._held, None
        if keys is None:
            raise RuntimeError("an attention has shown no keys")
        return keys
