"""Blur against sums over a window, written out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from harness.datasets.blurring import Floats, disk, filtered, gaussian, line

KERNELS: dict[str, Callable[[float], Floats]] = {
    "gaussian": gaussian,
    "disk": disk,
    "line": lambda length: line(length, 0.7),
}


def image(channels: int, height: int, width: int) -> Floats:
    return np.random.default_rng(height).random((channels, height, width))


def by_hand(plane: Floats, kernel: Floats) -> Floats:
    """A weighted sum for each pixel; a place outside is the one as far inside of the edge."""
    half, (height, width) = len(kernel) // 2, plane.shape

    def inside(place: int, size: int) -> int:
        place %= 2 * size
        return place if place < size else 2 * size - 1 - place

    return np.array(
        [
            [
                sum(
                    kernel[down + half, right + half] * plane[inside(row - down, height), inside(column - right, width)]
                    for down in range(-half, half + 1)
                    for right in range(-half, half + 1)
                )
                for column in range(width)
            ]
            for row in range(height)
        ]
    )


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("size", [(1, 8, 8), (3, 5, 9), (2, 3, 2)])
def test_a_filtered_image_is_a_weighted_sum_around_each_pixel(name: str, size: tuple[int, int, int]) -> None:
    given, kernel = image(*size), KERNELS[name](2.6)
    assert np.allclose(filtered(given, kernel), [by_hand(plane, kernel) for plane in given], atol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("width", [0.3, 0.9, 1.7, 4.2])
def test_a_kernel_is_odd_square_symmetric_and_sums_to_one(name: str, width: float) -> None:
    kernel = KERNELS[name](width)
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    assert kernel.min() >= 0
    assert math.isclose(kernel.sum(), 1)
    assert np.allclose(kernel, kernel[::-1, ::-1])


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_of_no_width_changes_nothing(name: str) -> None:
    given = image(3, 6, 7)
    assert np.array_equal(filtered(given, KERNELS[name](0.0)), given)


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_a_gaussian_has_its_variance_and_that_of_a_pixel(sigma: float) -> None:
    weights = gaussian(sigma).sum(axis=0)
    places = np.arange(len(weights)) - len(weights) // 2
    assert math.isclose(float(weights @ places**2), sigma**2 + 1 / 12, rel_tol=2e-3)


@pytest.mark.parametrize("radius", [1.5, 3.0, 6.3])
def test_a_disk_is_even_within_and_nothing_outside(radius: float) -> None:
    kernel = disk(radius)
    places = np.arange(len(kernel)) - len(kernel) // 2
    far = np.hypot(np.abs(places)[:, None] + 0.5, np.abs(places)[None, :] + 0.5)
    near = np.hypot(*np.meshgrid(np.maximum(np.abs(places) - 0.5, 0), np.maximum(np.abs(places) - 0.5, 0)))
    assert np.allclose(kernel[far <= radius], 1 / (math.pi * radius**2), rtol=0.01)
    assert (kernel[near >= radius] == 0).all()


def test_a_level_line_stays_in_its_row() -> None:
    kernel = line(4.0, 0.0)
    assert np.allclose(kernel[2], [0.125, 0.25, 0.25, 0.25, 0.125], atol=1e-4)
    assert kernel[[0, 1, 3, 4]].sum() == 0


def test_an_upright_line_is_a_level_one_turned() -> None:
    assert np.allclose(line(3.3, math.pi / 2), line(3.3, 0.0).T, atol=1e-12)
