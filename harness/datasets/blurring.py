"""Kernels of blur, and an image seen through one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FINE = 16  # points along a pixel's side when its share of a disk is counted
STEPS = 256  # points along a line


def filtered(image: Floats, kernel: Floats) -> Floats:
    """Each channel of (channels, height, width) convolved with an odd square kernel; edges are mirrored."""
    half = len(kernel) // 2
    if not half:
        return image * kernel
    padded = np.pad(image, ((0, 0), (half, half), (half, half)), mode="symmetric")
    size = padded.shape[1:]
    found = np.fft.irfft2(np.fft.rfft2(padded) * np.fft.rfft2(kernel, size), size)
    # What wraps around lies in the first 2 * half rows and columns, the wanted values behind them.
    return found[:, 2 * half :, 2 * half :]


def gaussian(sigma: float) -> Floats:
    """A normal distribution of `sigma` pixels, integrated over each pixel, cut beyond four sigma."""
    if sigma <= 0:
        return np.ones((1, 1))
    half = max(1, math.ceil(4 * sigma))
    ends = [math.erf((place - 0.5) / (sigma * math.sqrt(2))) for place in range(-half, half + 2)]
    line = np.diff(np.array(ends))
    return _normed(np.outer(line, line))


def disk(radius: float) -> Floats:
    """A disk of `radius` pixels, each pixel by the share of it that is covered: a lens out of focus."""
    half = math.ceil(max(0.0, radius - 0.5))
    places = (np.arange((2 * half + 1) * FINE) + 0.5) / FINE - half - 0.5
    covered = np.square(places)[:, None] + np.square(places)[None, :] <= radius**2
    side = 2 * half + 1
    return _normed(covered.reshape(side, FINE, side, FINE).mean(axis=(1, 3))) if half else np.ones((1, 1))


def line(length: float, angle: float) -> Floats:
    """A straight path of `length` pixels at `angle` radians through the centre: a camera that moves evenly."""
    half = math.ceil(max(0.0, length) / 2)
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    if not half:
        return np.ones((1, 1))
    steps = ((np.arange(STEPS) + 0.5) / STEPS - 0.5) * length
    rows, columns = half + steps * math.sin(angle), half + steps * math.cos(angle)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    for down in (0, 1):
        for right in (0, 1):
            weight = (1 - np.abs(rows - top - down)) * (1 - np.abs(columns - left - right))
            inside = weight > 0
            np.add.at(kernel, (top[inside] + down, left[inside] + right), weight[inside])
    return _normed(kernel)


def _normed(kernel: Floats) -> Floats:
    found: Floats = kernel / kernel.sum()
    return found
