"""What a training batch goes through, against the formulas of mixup, cutmix and random erasing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from harness.datasets.chance import seeded
from harness.datasets.mixing import Mixing
from harness.recipes import TrainOptions
from harness.tasks.base import Batch
from harness.tasks.classification import Classification


def items(count: int) -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(torch.randn(count, 2, 8, 8, generator=generator), torch.arange(count) % 3)


def numpy_state() -> str:
    return str(np.random.get_state(legacy=False))


def mixed(count: int, seed: int = 0, **options: Any) -> Batch:
    return Mixing(TrainOptions(epochs=1, **options), 3, "cpu")(items(count), seed)


def share(seed: int, alpha: float) -> float:
    """The share that timm draws: a coin for whether to mix at all, then the beta distribution."""
    with seeded(seed):
        np.random.rand()
        return float(np.random.beta(alpha, alpha))


@pytest.mark.parametrize("count", [6, 7, 2])
def test_mixup_is_a_weighted_sum_with_the_batch_in_reverse(count: int) -> None:
    plain, found, part = items(count), mixed(count, mixup=0.8), share(0, 0.8)
    paired = count // 2 * 2
    inputs, targets = plain.inputs[:paired], one_hot(plain.targets[:paired], 3).float()
    torch.testing.assert_close(found.inputs[:paired], part * inputs + (1 - part) * inputs.flip(0))
    torch.testing.assert_close(found.targets[:paired], part * targets + (1 - part) * targets.flip(0))


def test_the_last_of_an_odd_batch_stays_whole() -> None:
    plain, found = items(7), mixed(7, mixup=0.8)
    assert torch.equal(found.inputs[6], plain.inputs[6])
    assert found.targets[6].tolist() == one_hot(plain.targets[6], 3).float().tolist()
    assert mixed(1, mixup=0.8).targets.tolist() == [[1.0, 0.0, 0.0]]


def test_cutmix_takes_a_rectangle_and_its_share_of_the_target() -> None:
    plain = items(6)
    for seed in range(5):
        found = mixed(6, seed, cutmix=1.0)
        is_other = found.inputs != plain.inputs
        assert torch.equal(found.inputs[is_other], plain.inputs.flip(0)[is_other])
        taken = float(is_other[0, 0].float().mean())
        targets = one_hot(plain.targets, 3).float()
        torch.testing.assert_close(found.targets, (1 - taken) * targets + taken * targets.flip(0))


def test_with_both_each_batch_gets_one_of_them() -> None:
    plain = items(6)
    kinds = set()
    for seed in range(12):
        found = mixed(6, seed, mixup=0.8, cutmix=1.0)
        changed = float((found.inputs != plain.inputs).float().mean())
        kinds.add("mixup" if changed == 1 else "cutmix")
    assert kinds == {"mixup", "cutmix"}


def test_erasing_makes_a_rectangle_noise_and_leaves_targets() -> None:
    plain, found = items(40), mixed(40, erase=0.5)
    changed = (found.inputs != plain.inputs).any(dim=1)
    touched = changed.flatten(1).any(dim=1)
    assert 8 < int(touched.sum()) < 32
    for spots in changed[touched]:
        rows, columns = spots.any(dim=1), spots.any(dim=0)
        assert int(spots.sum()) == int(rows.sum()) * int(columns.sum())
    assert torch.equal(found.targets, plain.targets)


def test_the_batch_that_is_given_and_the_global_states_are_left() -> None:
    given, before = items(6), numpy_state()
    Mixing(TrainOptions(epochs=1, mixup=0.8, erase=0.5), 3, "cpu")(given, 1)
    assert torch.equal(given.inputs, items(6).inputs)
    assert before == numpy_state()


def test_a_seed_decides() -> None:
    first, again, other = (mixed(6, seed, mixup=0.8, erase=0.5) for seed in (1, 1, 2))
    assert torch.equal(first.inputs, again.inputs)
    assert not torch.equal(first.inputs, other.inputs)


def test_label_smoothing_comes_once_and_as_timm_has_it() -> None:
    from timm.data.mixup import Mixup
    from timm.loss.cross_entropy import SoftTargetCrossEntropy

    outputs = torch.randn(6, 3)
    found = Classification().loss(outputs, mixed(6, mixup=0.8), 0.1)
    with seeded(0):
        timms = Mixup(mixup_alpha=0.8, label_smoothing=0.1, num_classes=3)  # type: ignore[no-untyped-call]  # so in timm
        _, targets = timms(items(6).inputs, items(6).targets)
    loss = SoftTargetCrossEntropy()  # type: ignore[no-untyped-call]  # so in timm
    torch.testing.assert_close(found, loss(outputs, targets))
