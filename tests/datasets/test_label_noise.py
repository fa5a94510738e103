"""Label noise: which labels are replaced, by what, and that nothing else of the data is touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.datasets.arrays import batch_indices
from harness.datasets.base import Part
from harness.datasets.chance import derived
from harness.datasets.digits import Digits
from harness.datasets.label_noise import OWN, LabelNoise
from harness.recipes import TrainOptions
from harness.tasks.base import Batch
from harness.tasks.images import ImageInput
from harness.training.circle import ALONE
from harness.training.shuffled import Shuffled

GREY = ImageInput((1, 8, 8), (0.3,), (0.4,), "bilinear", 1.0, "center")


@pytest.fixture(scope="module")
def part() -> Part:
    return Digits(normalize="model").load({}, GREY).parts["train"]


def replaced(noise: LabelNoise) -> set[int]:
    return set(np.flatnonzero(noise.labels != OWN).tolist())


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.4, 400), (0.8, 800), (1.0, 1000), (0.0015, 2)])
def test_exactly_the_share_that_is_asked_for_is_replaced(share: float, count: int) -> None:
    assert len(replaced(LabelNoise.drawn(1000, 10, share, 0))) == count


def test_labels_are_drawn_uniformly_from_all_classes_whatever_the_item_was() -> None:
    # 100,000 draws: each class's share of 1/10 has a standard error below 0.001.
    drawn = LabelNoise.drawn(100_000, 10, 1.0, 3).labels
    assert np.bincount(drawn, minlength=10) / 100_000 == pytest.approx([0.1] * 10, abs=0.004)
    own = np.arange(100_000) % 10
    assert float((drawn == own).mean()) == pytest.approx(0.1, abs=0.004)
    crossed = np.histogram2d(own, drawn, bins=(range(11), range(11)))[0] / 10_000
    assert crossed == pytest.approx(np.full((10, 10), 0.1), abs=0.015)


def test_a_larger_share_replaces_the_same_and_more() -> None:
    less, more = (LabelNoise.drawn(500, 10, share, 7) for share in (0.4, 0.8))
    hit = sorted(replaced(less))
    assert replaced(less) < replaced(more)
    assert np.array_equal(less.labels[hit], more.labels[hit])


def test_the_seed_decides_and_the_callers_random_states_are_left() -> None:
    torch.manual_seed(5)
    before, numpys = torch.get_rng_state(), str(np.random.get_state())
    first, again, other = (LabelNoise.drawn(200, 10, 0.5, seed).labels for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
    assert str(np.random.get_state()) == numpys


def told(part: Part, epoch: int, noise: LabelNoise | None, **options: Any) -> tuple[Tensor, Tensor]:
    """Items of an epoch in the order of the part: (inputs, targets)."""
    recipe = TrainOptions(epochs=2, batch=48, **options)
    shuffled = Shuffled(part, recipe, "cpu", 0, None, ALONE, noise=noise)
    batches = [share.batch for share in shuffled.epoch(epoch)]
    order = np.concatenate(list(batch_indices(len(part), 48, derived(0, epoch))))
    back = torch.from_numpy(np.argsort(order))
    return torch.cat([b.inputs for b in batches])[back], torch.cat([b.targets for b in batches])[back]


@pytest.mark.parametrize("augment", ["none", "shift_flip"])
def test_an_item_is_told_the_same_label_in_every_epoch(part: Part, augment: str) -> None:
    noise = LabelNoise.drawn(len(part), 10, 0.4, 0)
    (_, clean), (_, first), (_, second) = (
        told(part, epoch, one, augment=augment) for epoch, one in ((1, None), (1, noise), (2, noise))
    )
    assert torch.equal(first, second)
    labels = torch.from_numpy(noise.labels)
    assert torch.equal(first, torch.where(labels == OWN, clean, labels))
    assert int((first != clean).sum()) == pytest.approx(0.4 * 0.9 * len(part), abs=40)


def test_inputs_and_order_are_those_without_noise(part: Part) -> None:
    plain, noisy = (told(part, 1, one) for one in (None, LabelNoise.drawn(len(part), 10, 1.0, 0)))
    assert torch.equal(plain[0], noisy[0])


def test_a_training_that_goes_on_in_the_middle_of_an_epoch_is_told_the_same(part: Part) -> None:
    shuffled = Shuffled(
        part,
        TrainOptions(epochs=1, batch=48),
        "cpu",
        0,
        None,
        ALONE,
        noise=LabelNoise.drawn(len(part), 10, 0.6, 0),
    )
    whole = [share.batch.targets for share in shuffled.epoch(1)]
    rest = [share.batch.targets for share in shuffled.epoch(1, done=5)]
    assert all(torch.equal(a, b) for a, b in zip(whole[5:], rest, strict=True))


def test_the_batch_that_is_given_stays_as_it_is() -> None:
    batch = Batch(torch.zeros(4, 1), torch.arange(4))
    noise = LabelNoise(np.array([OWN, 3, OWN, 0, 9]))
    found = noise(batch, np.array([3, 0, 1, 4]))
    assert found.targets.tolist() == [0, 1, 3, 9]
    assert batch.targets.tolist() == [0, 1, 2, 3]
    assert found.inputs is batch.inputs
