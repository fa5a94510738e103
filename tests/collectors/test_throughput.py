"""Throughput against a clock that is told the time."""

from __future__ import annotations

from itertools import chain, repeat

import pytest
from conftest import FakeClock
from pydantic import ValidationError
from subjects import MovingClock, Stage, subject_of
from torch import Tensor, nn

from harness.collectors.throughput import Throughput

UNMEASURED = 4


def test_the_value_is_all_images_by_all_the_time(clock: FakeClock) -> None:
    stage = Stage(clock, candidate=chain(repeat(1.0, UNMEASURED), [1.0, 3.0], repeat(1.0)))
    (found,) = Throughput(batch=8, warmup=1, rounds=1, pairs=2).collect(stage.subject, clock)
    assert found.value == 16 / 4
    assert found.samples == (8.0, 8 / 3)  # whose mean is 5.3


def test_the_baseline_is_a_rate_as_well(clock: FakeClock) -> None:
    (found,) = Throughput(batch=8, warmup=1, rounds=1, pairs=2).collect(Stage(clock).subject, clock)
    assert found.baseline_samples == (16.0, 16.0)
    assert found.better == "higher"


def test_every_batch_size_is_a_measurement_of_its_own(clock: FakeClock) -> None:
    collector = Throughput(batch=[4, 16], warmup=1, rounds=2, pairs=2)
    found = collector.collect(Stage(clock).subject, clock)
    assert [(m.at["batch"], m.value) for m in found] == [(4, 16.0), (16, 64.0)]


def test_every_round_visits_every_batch_size(clock: FakeClock) -> None:
    stage = Stage(clock)
    sizes: list[int] = []
    made = stage.subject

    class Watching(type(made.task)):  # type: ignore[misc]  # the class of a task is only known here
        def forward(self, net: object, batch: object) -> object:
            sizes.append(len(batch))  # type: ignore[arg-type]  # a batch
            return super().forward(net, batch)

    object.__setattr__(made, "task", Watching())
    Throughput(batch=[4, 16], warmup=1, rounds=2, pairs=2).collect(made, clock)
    in_rounds = sizes[2 * 2 * 3 :][:24]
    assert in_rounds == ([4] * 6 + [16] * 6) * 2


def test_a_scalar_is_a_list_of_one() -> None:
    assert Throughput(batch=32).options() == {}
    assert Throughput().asked()[0].at == {"batch": 32, "revision": 3}


class Greedy(nn.Module):
    """Runs out of memory beyond a batch, in the words of torch's CPU allocator."""

    def forward(self, inputs: Tensor) -> Tensor:
        if len(inputs) > 8:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")
        return inputs


def test_a_batch_that_does_not_fit_is_a_result_and_the_others_stand() -> None:
    fits, full = Throughput(batch=[8, 16], warmup=1, rounds=1, pairs=2).collect(
        subject_of(Greedy(), Greedy()), MovingClock()
    )
    assert fits.value is not None
    assert full.value is None
    assert full.reason == "oom_host: a batch of 16 does not fit into its memory"
    assert full.at["batch"] == 16  # never a smaller one


def test_a_batch_size_may_not_be_named_twice() -> None:
    with pytest.raises(ValidationError, match="names a batch size twice"):
        Throughput(batch=[8, 8])
