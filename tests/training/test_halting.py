"""A training that is told to end keeps where it stands, in the middle of an epoch too, and goes on from there."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from trainings import Items, are_equal, net_of, trained, weights

from harness.recipes import TrainOptions
from harness.tasks.base import Batch
from harness.tasks.classification import Classification
from harness.training.halting import Halted, halting
from harness.training.loop import Course, train

OPTIONS = TrainOptions(epochs=3, batch=16)
RICH = TrainOptions(epochs=3, batch=16, mixup=0.8, cutmix=1.0, erase=0.25, ema=0.9, layer_decay=0.8)
DROPS: dict[str, Any] = {"drop_path_rate": 0.3, "proj_drop_rate": 0.2}


def told_at(step: int, folder: Path) -> Course:
    """A course in which the process is told to end during a step, counted from 0."""

    def before_step(_: int, now: int) -> None:
        if now == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return Course(outputs=10, checkpoints=folder, before_step=before_step)


@pytest.mark.parametrize("step", [0, 3, 4, 5], ids=["first", "first of an epoch", "middle", "last of an epoch"])
@pytest.mark.parametrize("options", [OPTIONS, RICH], ids=["plain", "mixed and averaged"])
def test_it_goes_on_to_the_same_weights_to_the_bit(options: TrainOptions, step: int, tmp_path: Path) -> None:
    with pytest.raises(Halted):
        trained(options, course=told_at(step, tmp_path), **DROPS)
    position = json.loads((tmp_path / "position.json").read_text())
    assert (position["steps"], position["epochs"]) == (step + 1, (step + 1) // 3)
    begun: list[int] = []
    rest = Course(outputs=10, checkpoints=tmp_path, before_step=lambda _, now: begun.append(now))
    resumed = trained(options, course=rest, chance=7, **DROPS)
    assert begun == list(range(step + 1, 9))
    assert are_equal(resumed, trained(options, course=Course(outputs=10), **DROPS))


class Shifted(Items):
    """Items whose augmentation draws on from batch to batch."""

    def augmented(self, size: int, shuffle: int, augment: str) -> Iterator[Batch]:
        chance = torch.Generator().manual_seed(shuffle)
        for batch in self.batches(size, shuffle):
            yield Batch(batch.inputs + torch.randn(batch.inputs.shape, generator=chance), batch.targets)


def test_what_is_drawn_from_batch_to_batch_goes_on_where_it_was(tmp_path: Path) -> None:
    found = []
    options = OPTIONS.model_copy(update={"augment": "shift_flip"})
    for course in (told_at(4, tmp_path), Course(checkpoints=tmp_path), Course()):
        net = net_of()
        try:
            figures = train(net, Classification(), Shifted(), options, "cpu", 0, lambda _: None, course)
        except Halted:
            continue
        found.append((weights(net), figures["loss"]))
    assert are_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_a_word_in_the_last_step_changes_nothing(tmp_path: Path) -> None:
    ended = trained(OPTIONS, course=told_at(8, tmp_path))
    assert are_equal(ended, trained(OPTIONS))


def test_it_says_where_it_was_halted_and_where_it_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(Halted):
        train(net_of(), Classification(), Items(), OPTIONS, "cpu", 0, told.append, told_at(4, tmp_path))
    train(net_of(), Classification(), Items(), OPTIONS, "cpu", 0, told.append, Course(checkpoints=tmp_path))
    assert [note for note in told if "step" in note] == ["halted after step 5 of 9", "goes on after step 5 of 9"]


def test_a_position_in_an_epoch_is_kept_as_often_as_asked(tmp_path: Path) -> None:
    class KilledError(Exception):
        """Stands for a kill."""

    def before_step(_: int, step: int) -> None:
        if step == 5:
            raise KilledError

    course = Course(checkpoints=tmp_path, checkpoint_s=0.0, before_step=before_step)
    with pytest.raises(KilledError):
        trained(OPTIONS, course=course, **DROPS)
    begun: list[int] = []
    rest = Course(checkpoints=tmp_path, before_step=lambda _, now: begun.append(now))
    assert are_equal(trained(OPTIONS, course=rest, **DROPS), trained(OPTIONS, **DROPS))
    assert begun == [5, 6, 7, 8]


def test_the_signal_is_heeded_during_the_training_only(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with halting(is_heeded=True) as halt:
        os.kill(os.getpid(), signal.SIGTERM)
        assert halt.is_asked
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_training_that_keeps_nothing_leaves_the_signal_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with halting(is_heeded=False):
        assert signal.getsignal(signal.SIGTERM) is before
