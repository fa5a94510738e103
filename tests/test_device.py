"""Device, clock and the peak of a phase."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from conftest import FakeClock
from torch import nn

from harness.device import (
    IdleClock,
    PeakMemory,
    Timing,
    arithmetic,
    attention_kernels,
    gpu_address,
    resolve,
    seed_everything,
    set_threads,
    synchronize,
    timed,
)
from harness.errors import DeviceError

MIB = 2**20
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int, cuda: str | None = "12.4") -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.version, "cuda", cuda)


@pytest.mark.parametrize(
    ("count", "name", "found"),
    [
        (0, "auto", "cpu"),
        (2, "auto", "cuda:0"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
        (2, "cpu", "cpu"),
        (3, "cuda:1+2", "cuda:1"),
    ],
)
def test_a_name_becomes_a_device(monkeypatch: pytest.MonkeyPatch, count: int, name: str, found: str) -> None:
    with_gpus(monkeypatch, count)
    assert resolve(name) == found


@pytest.mark.parametrize(
    ("count", "cuda", "name", "why"),
    [
        (0, "12.4", "cuda", "torch sees no GPU here"),
        (1, "12.4", "cuda:1", "torch sees 1 GPU here"),
        (2, "12.4", "cuda:7", "torch sees 2 GPUs here"),
        (0, None, "cuda:0", "this torch was built without CUDA"),
    ],
)
def test_an_absent_gpu_is_an_error_and_not_a_cpu(
    monkeypatch: pytest.MonkeyPatch, count: int, cuda: str | None, name: str, why: str
) -> None:
    with_gpus(monkeypatch, count, cuda)
    with pytest.raises(DeviceError) as error:
        resolve(name)
    assert str(error.value) == f"the device {name!r} was asked for, but {why}; use 'auto' or 'cpu' to run without"


@pytest.mark.parametrize("name", ["tpu", "cpu:1", "cpu:0+1", "cuda:x", "cuda:0+", "cuda:-1", ""])
def test_an_unknown_device_is_an_error(name: str) -> None:
    with pytest.raises(DeviceError, match="unknown device"):
        resolve(name)


def test_a_seed_repeats_every_source_of_chance() -> None:
    def draw() -> tuple[float, float, float]:
        seed_everything(7)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert draw() == draw()


def test_a_sample_is_the_mean_of_its_steps(clock: FakeClock) -> None:
    costs = iter([1.0, 2.0, 6.0])
    assert timed(lambda: clock.advance(next(costs)), "cpu", clock, iterations=3) == Timing(3.0)


def test_the_threads_are_those_that_were_set() -> None:
    before = torch.get_num_threads()
    try:
        set_threads(2)
        assert arithmetic("cpu").threads == 2
    finally:
        set_threads(before)


def test_a_cpu_is_always_idle_and_has_no_address() -> None:
    synchronize("cpu")
    assert gpu_address("cpu") is None
    clock = IdleClock("cpu")
    assert clock.now() <= clock.now()


def test_the_kernel_of_attention_is_named(tiny_net: nn.Module) -> None:
    inputs = torch.zeros(1, 1, 8, 8)
    with torch.inference_mode():
        kernels = attention_kernels(lambda: tiny_net(inputs))
    assert len(kernels) == 1
    assert kernels[0].startswith("scaled_dot_product_")


def test_a_step_without_fused_attention_names_no_kernel() -> None:
    assert attention_kernels(lambda: torch.ones(2, 2) @ torch.ones(2, 2)) == ()


def above(step: Callable[[], object]) -> int | None:
    with PeakMemory("cpu") as phase:
        step()
    return phase.peak.above_bytes


def take(mib: int) -> object:
    return torch.ones(mib * MIB, dtype=torch.uint8)


@linux
def test_a_known_buffer_is_seen() -> None:
    assert above(lambda: take(64)) == pytest.approx(64 * MIB, rel=0.1)


@linux
def test_an_earlier_peak_does_not_hide_the_phase() -> None:
    take(256)
    assert above(lambda: take(64)) == pytest.approx(64 * MIB, rel=0.1)


@linux
def test_memory_that_was_freed_before_is_seen_again() -> None:
    def many() -> None:
        kept = [torch.ones(64 * 1024, dtype=torch.uint8) for _ in range(512)]
        kept.clear()

    many()
    assert above(many) == pytest.approx(32 * MIB, rel=0.1)


@linux
def test_a_phase_that_takes_nothing_is_below_resolution() -> None:
    with PeakMemory("cpu") as phase:
        pass
    assert phase.peak.above_bytes is None
    assert (phase.peak.reason or "").startswith("below resolution")


@pytest.mark.gpu
def test_a_known_buffer_is_seen_on_the_gpu() -> None:
    with PeakMemory("cuda:0") as phase:
        torch.ones(64 * MIB, dtype=torch.uint8, device="cuda:0")
    assert phase.peak.above_bytes == pytest.approx(64 * MIB, rel=0.01)


@pytest.mark.gpu
def test_a_gpu_step_is_timed_by_its_own_events_as_well() -> None:
    square = torch.ones(2048, 2048, device="cuda:0")
    timing = timed(lambda: square @ square, "cuda:0", IdleClock("cuda:0"), iterations=10)
    assert timing.device_s is not None
    assert 0 < timing.device_s <= timing.wall_s
