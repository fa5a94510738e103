"""Locality Injection: what convolutions beside a fully connected kernel do, folded into that kernel.

"RepMLPNet: Hierarchical Vision MLP with Re-parameterized Locality" (Ding et al., CVPR 2022, arXiv 2112.11081),
equations 13 and 14. Everything here is differentiable in kernels and norms.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad


def folded(kernel: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Kernel and bias (channels,) that do what a kernel (channels, ...) without bias and a norm after it do (eq. 14).

    With t = gamma / sqrt(var + eps): t F and beta - t mean, var and mean being those that the norm keeps.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a norm that keeps no statistics cannot be folded: what it does depends on the batch")
    t = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return kernel * t.reshape(-1, *[1] * (kernel.dim() - 1)), norm.bias - norm.running_mean * t


def merged(branches: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Kernels (channels, 1, k, k) with their biases as one: the smaller are padded with zeros to the largest."""
    kernels, biases = zip(*branches, strict=True)
    largest = max(kernel.shape[-1] for kernel in kernels)
    padded = [pad(kernel, [(largest - kernel.shape[-1]) // 2] * 4) for kernel in kernels]
    return torch.stack(padded).sum(0), torch.stack(biases).sum(0)


def convolution_matrix(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """The matrices (channels, h w, h w) of a depthwise convolution (channels, 1, k, k) of h x w maps (eq. 13).

    Rows are outputs, columns inputs. The convolution is padded by zeros to keep the size, its stride is 1; it is
    convolving the identity that tells its matrix.
    """
    channels, positions = len(kernel), size[0] * size[1]
    # In the kernel's own type: one of another would limit how exact the matrices are.
    identity = torch.eye(positions, dtype=kernel.dtype, device=kernel.device).reshape(positions, 1, *size)
    columns = conv2d(identity.expand(-1, channels, -1, -1), kernel, padding=kernel.shape[-1] // 2, groups=channels)
    return columns.reshape(positions, channels, positions).permute(1, 2, 0)
