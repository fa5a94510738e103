"""The transform of arrays against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from given_files import config

from harness.datasets.pixels import Pixels, channel_statistics, pixels_for
from harness.errors import DataError

COLOUR = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3), dtype=np.uint8)
GREY = COLOUR[..., :1]


def test_statistics_are_those_of_the_scaled_values() -> None:
    mean, std = channel_statistics(np.concatenate([COLOUR] * 300))
    assert mean == pytest.approx((COLOUR / 255).mean(axis=(0, 1, 2)))
    assert std == pytest.approx((COLOUR / 255).std(axis=(0, 1, 2)))


def test_a_constant_channel_is_divided_by_one() -> None:
    assert channel_statistics(np.full((2, 3, 3, 1), 51, dtype=np.uint8)) == ((0.2,), (1.0,))


def test_values_are_scaled_and_standardised_without_a_resize() -> None:
    found = Pixels((3, 6, 6), (0.1, 0.2, 0.3), (0.5, 0.6, 0.7))(COLOUR)
    expected = ((COLOUR / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.6, 0.7]).transpose(0, 3, 1, 2)
    assert found.numpy() == pytest.approx(expected, abs=1e-6)


def test_shrinking_averages_by_the_triangle_of_twice_the_step() -> None:
    image = np.random.default_rng(1).integers(0, 256, (1, 16, 16, 1), dtype=np.uint8)
    distance = (np.arange(16) + 0.5)[None, :] - (np.arange(4) + 0.5)[:, None] * 4
    weights = np.maximum(0, 1 - np.abs(distance) / 4)
    weights /= weights.sum(axis=1, keepdims=True)
    expected = weights @ (image[0, :, :, 0] / 255) @ weights.T
    found = Pixels((1, 4, 4), (0.0,), (1.0,))(image)
    assert found[0, 0].numpy() == pytest.approx(expected, abs=1e-5)


def test_size_differs_only_in_the_wanted_one() -> None:
    assert Pixels((3, 9, 4), (0.0,) * 3, (1.0,) * 3)(COLOUR).shape == (5, 3, 9, 4)


def test_grey_is_repeated_for_a_network_of_three_channels() -> None:
    found = pixels_for(config(3, 6), GREY, "data", "data")(GREY)
    assert torch.equal(found[:, 0], found[:, 2])
    assert float(found.mean()) == pytest.approx(0, abs=1e-5)
    assert float(found.std(correction=0)) == pytest.approx(1, abs=1e-5)


def test_model_statistics_are_the_networks_own() -> None:
    pixels = pixels_for(config(3, 6), COLOUR, "model", "data")
    assert (pixels.mean, pixels.std) == ((0.5,) * 3, (0.25,) * 3)


def test_colour_for_a_grey_network_is_refused() -> None:
    with pytest.raises(DataError, match=r"^npz data 'a': the data has 3 channels, the network wants 1$"):
        pixels_for(config(1, 6), COLOUR, "data", "npz data 'a'")


def test_the_transform_is_said_in_words() -> None:
    same = Pixels((1, 8, 8), (0.305,), (0.376,)).described((8, 8, 1))
    other = Pixels((3, 224, 224), (0.5,) * 3, (0.25,) * 3).described((28, 28, 1))
    assert same == "uint8/255, resize 8x8 none, mean 0.305 std 0.376"
    assert other == (
        "uint8/255, resize 28x28 to 224x224 bilinear antialias, grey to 3 channels, mean 0.5 0.5 0.5 std 0.25 0.25 0.25"
    )
