"""Several processes that train one network: the course of one, whatever their number, and no word lost between them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from circles import together
from torch import Tensor, nn
from trainings import OPTIONS, Items, trained

from harness.errors import DeviceError
from harness.recipes import TrainOptions
from harness.tasks.base import Batch
from harness.training.circle import ALONE, Circle, device_of
from harness.training.halting import Abandoned
from harness.training.loop import Course
from harness.training.shuffled import Shuffled

RICH = TrainOptions(epochs=2, batch=16, mixup=0.8, cutmix=1.0, erase=0.25, ema=0.9, layer_decay=0.8)
ROUNDING = 2e-5
pytestmark = pytest.mark.slow


def farthest(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    return max(float((first[name] - second[name]).abs().max()) for name in first)


@pytest.mark.parametrize(
    ("size", "options", "items"),
    [(2, OPTIONS, 40), (3, RICH, 40), (3, TrainOptions(epochs=2, batch=2), 5)],
    ids=["two", "three, with shares of unequal size, mixed and averaged", "three, and fewer items than processes"],
)
def test_however_many_train_the_course_is_that_of_one(
    size: int, options: TrainOptions, items: int, tmp_path: Path
) -> None:
    alone = trained(options, items=items, course=Course(outputs=10))
    assert farthest(together(size, tmp_path, options, items=items), alone) < ROUNDING


def test_one_process_that_is_told_to_end_ends_all_and_another_number_goes_on(tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"epochs": 3})
    assert together(2, tmp_path, options, halt_at=4) == {}
    assert '"steps":5' in (tmp_path / "kept" / "position.json").read_text()
    begun: list[int] = []
    course = Course(outputs=10, checkpoints=tmp_path / "kept", before_step=lambda _, step: begun.append(step))
    assert farthest(trained(options, course=course), trained(options)) < ROUNDING
    assert begun == [5, 6, 7, 8]


def test_more_processes_go_on_from_what_one_has_kept(tmp_path: Path) -> None:
    assert together(1, tmp_path, RICH, halt_at=1) == {}
    assert farthest(together(2, tmp_path, RICH), trained(RICH, course=Course(outputs=10))) < ROUNDING


def test_the_processes_of_a_training_drop_out_each_its_own() -> None:
    drawn = []
    for circle in (Circle(0, 2), Circle(1, 2), Circle(1, 2)):
        with torch.random.fork_rng(devices=[]):
            next(Shuffled(Items(), OPTIONS, "cpu", 0, None, circle).epoch(1))
            drawn.append(float(torch.rand(1)))
    assert drawn[0] != drawn[1]
    assert drawn[1] == drawn[2]


def test_a_batch_is_shared_out_whole_and_in_order() -> None:
    batch = Batch(torch.arange(7.0), torch.arange(7), torch.ones(7, 3))
    shares = [Circle(rank, 3).share(batch) for rank in range(3)]
    assert torch.cat([share.batch.inputs for share in shares]).tolist() == list(range(7))
    assert torch.cat([share.batch.targets for share in shares]).tolist() == list(range(7))
    assert [len(share.batch.accepted) for share in shares if share.batch.accepted is not None] == [2, 2, 3]
    assert sum(share.weight for share in shares) == pytest.approx(1)
    assert {share.scored for share in shares} == {7}


def test_who_has_no_item_takes_one_that_counts_nothing() -> None:
    batch = Batch(torch.arange(1.0), torch.arange(1))
    shares = [Circle(rank, 2).share(batch) for rank in range(2)]
    assert [(len(share.batch), share.weight) for share in shares] == [(1, 0.0), (1, 1.0)]


def test_alone_nothing_is_shared() -> None:
    batch = Batch(torch.arange(3.0), torch.arange(3))
    assert ALONE.share(batch).batch is batch
    assert ALONE.told("word") == "word"


def test_batch_normalisation_over_a_share_is_refused() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    ALONE.check(net)
    with pytest.raises(DeviceError, match=r"batch normalisation \(1\) .* train this network with one process"):
        Circle(0, 2).check(net)


def test_processes_of_one_machine_have_the_cpu_all_alike() -> None:
    assert [device_of("cpu", local) for local in range(3)] == ["cpu"] * 3


def test_a_process_that_is_left_alone_says_so_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.training.circle.PATIENCE_S", 1.0)
    from harness.training.circle import joined

    with pytest.raises(Abandoned, match="another process of the training is gone"):
        joined(1, 2, 0, ("127.0.0.1", 9), "cpu")
