"""Array parts: kept or transformed again, the same values."""

from __future__ import annotations

import pytest
import torch
from given_files import config, load, whole

from harness.datasets import arrays
from harness.datasets.pixels import Pixels


def test_large_parts_are_transformed_again_with_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = whole(load("synthetic", size=8, fed=config(3, 12)).parts["train"], 5, shuffle=1)
    monkeypatch.setattr(arrays, "KEPT_BYTES", 0)
    again = whole(load("synthetic", size=8, fed=config(3, 12)).parts["train"], 5, shuffle=1)
    assert torch.equal(kept.inputs, again.inputs)


def test_small_parts_are_transformed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    part = load("synthetic", size=8, fed=config(3, 8)).parts["train"]
    whole(part)
    monkeypatch.setattr(Pixels, "__call__", None)
    assert len(whole(part)) == len(part)


def test_the_last_batch_is_as_short_as_it_comes() -> None:
    part = load("synthetic", size=8, fed=config(3, 8)).parts["train"]
    assert [len(batch) for batch in part.batches(10)] == [10, 10, 10, 2]
