"""Digits: fixed parts of scikit-learn's 1,797 images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from given_files import config, load, rows, whole
from sklearn.datasets import load_digits

from harness.datasets.base import datasets
from harness.errors import DataError


def test_parts_have_their_published_sizes() -> None:
    sizes = {name: info.items for name, info in load("digits").info().items()}
    assert sizes == {"train": 1000, "calibration": 150, "validation": 150, "test": 497}


def test_values_are_scikit_learns_scaled_to_bytes() -> None:
    part = load("digits", normalize="model").parts["test"]
    found = {tuple(row.flatten().tolist()) for row in (whole(part).inputs * 0.25 + 0.5).mul(255).round().int()}
    assert found <= {tuple(np.rint(row * 255 / 16).astype(int).tolist()) for row in load_digits().data}
    assert len(found) == 497


def test_train_is_standardised() -> None:
    inputs = whole(load("digits").parts["train"]).inputs
    assert float(inputs.mean()) == pytest.approx(0, abs=1e-5)
    assert float(inputs.std(correction=0)) == pytest.approx(1, abs=1e-5)


def test_every_part_has_the_classes_in_their_shares() -> None:
    shares = np.bincount(load_digits().target) / 1797
    for part in load("digits").parts.values():
        assert np.abs(np.bincount(whole(part).targets.numpy()) - shares * len(part)).max() <= 2


def test_fingerprints_never_change() -> None:
    assert {name: info.sha256[:12] for name, info in load("digits").info().items()} == {
        "train": "da1fa15b510a",
        "calibration": "c5fcfdbb7e4a",
        "validation": "5d196e33e29a",
        "test": "c5f6cb68047a",
    }


def test_more_calibration_comes_from_train_where_it_is_said() -> None:
    data = load("digits", splits={"calibration": {"from": "train", "items": 300}})
    assert (len(data.parts["calibration"]), len(data.parts["train"])) == (300, 700)
    assert not rows(data.parts["calibration"]) & rows(data.parts["train"])


def test_three_channels_repeat_grey() -> None:
    assert datasets.create({"name": "digits", "channels": 3}).describe({}).channels == 3
    inputs = whole(load("digits", fed=config(3), channels=3).parts["test"]).inputs
    assert torch.equal(inputs[:, 0], inputs[:, 1])


def test_two_channels_are_refused_before_loading() -> None:
    with pytest.raises(DataError) as caught:
        datasets.create({"name": "digits", "channels": 2}).describe({})
    assert str(caught.value) == "channels: digits data: 2 was asked for, the data has 1; would be right: 1 or 3"
