"""Locality Injection: the matrix of a convolution, and what a norm after a kernel is folded into."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from harness.architectures.injection import convolution_matrix, folded, merged


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape) + sum(shape)), dtype=torch.float64)


def test_fact_3_the_matrix_of_a_delta_kernel_is_the_identity_and_of_a_scaled_one_a_multiple() -> None:
    delta = torch.zeros(2, 1, 3, 3)
    delta[:, :, 1, 1] = 1
    identity = torch.eye(12).expand(2, 12, 12)
    assert torch.equal(convolution_matrix(delta, (3, 4)), identity)
    scale = torch.tensor([2.0, -0.5]).reshape(2, 1, 1, 1)
    assert torch.equal(convolution_matrix(scale, (3, 4)), scale[:, 0] * identity)


@pytest.mark.parametrize("side", [1, 3, 5])
def test_fact_4_the_matrix_times_a_map_is_its_convolution_borders_included(side: int) -> None:
    kernel, x = drawn(3, 1, side, side), drawn(2, 3, 4, 5)
    found = torch.einsum("cij,ncj->nci", convolution_matrix(kernel, (4, 5)), x.flatten(2)).reshape(x.shape)
    torch.testing.assert_close(found, conv2d(x, kernel, padding=side // 2, groups=3), rtol=1e-12, atol=1e-12)


def test_the_matrix_is_made_in_the_type_of_the_kernel() -> None:
    assert convolution_matrix(drawn(2, 1, 3, 3), (2, 2)).dtype == torch.float64


def test_a_norm_after_a_kernel_is_a_kernel_and_a_bias() -> None:
    norm = nn.BatchNorm2d(3).double().eval()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
        tensor.copy_(0.5 + drawn(3).abs())
    kernel, x = drawn(3, 1, 3, 3), drawn(2, 3, 4, 4)
    weight, bias = folded(kernel, norm)
    expected = norm(conv2d(x, kernel, padding=1, groups=3))
    torch.testing.assert_close(conv2d(x, weight, bias, padding=1, groups=3), expected, rtol=1e-12, atol=1e-12)


def test_a_norm_without_statistics_cannot_be_folded() -> None:
    with pytest.raises(ValueError, match="keeps no statistics"):
        folded(torch.ones(3, 1, 1, 1), nn.BatchNorm2d(3, track_running_stats=False))


def test_kernels_of_several_sizes_become_one() -> None:
    first, second, x = drawn(2, 1, 1, 1), drawn(2, 1, 5, 5), drawn(1, 2, 4, 4)
    kernel, bias = merged([(first, torch.ones(2)), (second, torch.full((2,), 0.5))])
    assert kernel.shape == (2, 1, 5, 5)
    assert bias.tolist() == [1.5, 1.5]
    expected = conv2d(x, first, groups=2) + conv2d(x, second, padding=2, groups=2)
    torch.testing.assert_close(conv2d(x, kernel, padding=2, groups=2), expected, rtol=1e-12, atol=1e-12)
