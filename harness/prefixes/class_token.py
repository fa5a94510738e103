"""The last block of a plain vision transformer for the class token alone, where nothing else of it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from harness.families.base import class_name

HOME = "timm.models.vision_transformer"


def obstacle(net: Any, block: nn.Module) -> str:
    """Why the last block cannot be computed for the class token alone; empty where it can."""
    if class_name(net) != f"{HOME}.VisionTransformer":
        return f"{class_name(net)} is not timm's VisionTransformer"
    if class_name(block) != f"{HOME}.Block" or class_name(block.attn) != "timm.layers.attention.Attention":  # type: ignore[arg-type]
        return "its last block is not the plain one"
    if net.global_pool != "token" or net.attn_pool is not None or not net.has_class_token:
        return "its head does not read the class token alone"
    return ""


def class_token_forward(block: Any) -> Callable[..., Tensor]:
    """The forward of timm's Block, (n, tokens, width) to (n, 1, width): keys and values of all tokens, the rest of one.

    Branches that are gone are left to what stands in for them.
    """

    def forward(x: Tensor, **_: Any) -> Tensor:
        first = x[:, :1]
        attended = _attention(block, x) if class_name(block.attn).endswith(".Attention") else _branch(block, first)
        first = first + block.drop_path1(block.ls1(attended))
        mixed: Tensor = first + block.drop_path2(block.ls2(block.mlp(block.norm2(first))))
        return mixed

    return forward


def _branch(block: Any, first: Tensor) -> Any:
    return block.attn(block.norm1(first))


def _attention(block: Any, x: Tensor) -> Tensor:
    """timm's Attention with the query of the first token only, (n, 1, width)."""
    from torch.nn.functional import linear, scaled_dot_product_attention

    attn, normed = block.attn, block.norm1(x)
    n, tokens, _ = normed.shape
    weight, bias = attn.qkv.weight, attn.qkv.bias
    width = attn.attn_dim
    of_one, of_all = (None, None) if bias is None else (bias[:width], bias[width:])
    q = linear(normed[:, :1], weight[:width], of_one).reshape(n, 1, attn.num_heads, -1).transpose(1, 2)
    kv = linear(normed, weight[width:], of_all).reshape(n, tokens, 2, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
    k, v = kv.unbind(0)
    found = scaled_dot_product_attention(attn.q_norm(q), attn.k_norm(k), v, scale=attn.scale)
    found = attn.norm(found.transpose(1, 2).reshape(n, 1, width))
    if attn.gate is not None:
        found = found * attn.gate(normed[:, :1]).sigmoid()
    projected: Tensor = attn.proj_drop(attn.proj(found))
    return projected
