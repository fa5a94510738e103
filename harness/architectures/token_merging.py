"""Tokens of LIT: made of patches, and merged four to one, each of the four read where an offset of its own says.

"Less is More: Pay Less Attention in Vision Transformers", arXiv 2105.14217. Deformable token merging is a deformable
2x2 convolution of stride 2, here in torch alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MERGINGS = ("deformable", "conv2x2", "linear")
TAPS = 4  # of a 2x2 kernel, row by row


def as_map(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """Tokens (n, H*W, width) as a map (n, width, H, W), without a copy."""
    return x.transpose(1, 2).reshape(len(x), -1, *grid)


def displaced(x: Tensor, offsets: Tensor) -> Tensor:
    """The map x (n, channels, H, W) with each pixel read elsewhere, bilinearly; outside of the map is zero.

    `offsets` (n, 8, H/2, W/2) are pairs (dy, dx) in pixels for the four pixels of each 2x2 patch. All channels share
    them.
    """
    n, _, height, width = x.shape
    exact = torch.promote_types(x.dtype, torch.float32)  # half precision is too coarse for a place on the map
    moved = offsets.to(exact).reshape(n, 2, 2, 2, height // 2, width // 2)  # tap down, tap right, dy and dx
    moved = moved.permute(0, 3, 4, 1, 5, 2).reshape(n, 2, height, width)
    down = moved[:, 0] + torch.arange(height, device=x.device)[:, None]
    right = moved[:, 1] + torch.arange(width, device=x.device)
    # grid_sample counts from -1 to 1 between the outer edges of the map, and takes the horizontal place first.
    places = torch.stack(((2 * right + 1) / width - 1, (2 * down + 1) / height - 1), dim=-1)
    return F.grid_sample(x.to(exact), places, padding_mode="zeros", align_corners=False).to(x.dtype)


class DeformableConvolution(nn.Conv2d):
    """out(p) = b + sum over the taps t of W_t x(2p + t + delta_t(p)), with delta from the convolution `conv_offset`.

    Offsets start at zero, where this is the plain convolution. Maps (n, channels, H, W) to (n, out, H/2, W/2).
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, kernel_size=2, stride=2)
        self.conv_offset = nn.Conv2d(channels, 2 * TAPS, kernel_size=2, stride=2)
        for parameter in self.conv_offset.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return super().forward(displaced(x, self.conv_offset(x)))


class PatchEmbedding(nn.Module):
    """LN(convolution of patches side by side): images (n, channels, height, width) to tokens (n, H*W, width)."""

    def __init__(self, channels: int, width: int, patch: int, eps: float) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, patch)
        self.norm = nn.LayerNorm(width, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        found: Tensor = self.norm(self.proj(x).flatten(2).transpose(1, 2))
        return found


class TokenMerging(nn.Module):
    """GELU(BN(convolution)), the convolution deformable or plain. Tokens (n, H*W, width) to (n, H*W/4, out)."""

    def __init__(self, grid: tuple[int, int], width: int, out: int, is_deformable: bool = True) -> None:
        super().__init__()
        self.grid = grid
        self.dconv = DeformableConvolution(width, out) if is_deformable else nn.Conv2d(width, out, 2, 2)
        self.norm_layer = nn.BatchNorm2d(out)
        self.act_layer = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        merged: Tensor = self.act_layer(self.norm_layer(self.dconv(as_map(x, self.grid))))
        return merged.flatten(2).transpose(1, 2)


class LinearMerging(nn.Module):
    """LN(linear map of the four tokens of a patch), as PVT merges. Tokens (n, H*W, width) to (n, H*W/4, out)."""

    def __init__(self, grid: tuple[int, int], width: int, out: int, eps: float) -> None:
        super().__init__()
        self.grid = grid
        self.proj = nn.Conv2d(width, out, 2, 2)  # patches do not overlap: it is that linear map
        self.norm = nn.LayerNorm(out, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        merged: Tensor = self.norm(self.proj(as_map(x, self.grid)).flatten(2).transpose(1, 2))
        return merged


def merging(kind: str, grid: tuple[int, int], widths: tuple[int, int], eps: float) -> nn.Module:
    """What merges the tokens of a map `grid` from the first width to the second; `kind` is one of MERGINGS."""
    if kind == "linear":
        return LinearMerging(grid, *widths, eps)
    return TokenMerging(grid, *widths, is_deformable=kind == "deformable")
