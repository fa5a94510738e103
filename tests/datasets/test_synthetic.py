"""Synthetic data: noise that says so."""

from __future__ import annotations

import torch
from given_files import config, load, whole

from harness.datasets.base import datasets


def test_description_says_that_it_is_synthetic() -> None:
    found = datasets.create({"name": "synthetic"}).describe({})
    assert (found.is_synthetic, found.outputs, found.channels) == (True, 10, 3)
    assert found.sizes == dict.fromkeys(("train", "calibration", "validation", "test"), 32)


def test_labels_are_balanced() -> None:
    part = load("synthetic", images=40, size=8, fed=config(3)).parts["train"]
    assert torch.bincount(whole(part).targets).tolist() == [4] * 10


def test_another_seed_gives_other_images() -> None:
    first, other = (load("synthetic", size=8, seed=seed, fed=config(3)).info() for seed in (0, 1))
    assert not {info.sha256 for info in first.values()} & {info.sha256 for info in other.values()}
