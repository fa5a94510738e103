"""What only a GPU can show: events against the clock, the allocator against sizes by hand, energy against polling."""

from __future__ import annotations

import copy
import statistics
import time
from dataclasses import replace

import pytest
import torch
from subjects import subject_of
from torch import nn

from harness import numerics
from harness.collectors.base import Subject
from harness.collectors.energy import Energy
from harness.collectors.latency import Latency
from harness.collectors.memory import Memory
from harness.collectors.throughput import Throughput
from harness.device import IdleClock, PeakMemory, gpu_address, timed
from harness.gpu_state import gpu_state
from harness.runtimes import Runtime
from harness.schema import Json
from harness.stages.attempts import collected
from harness.tasks.base import Batch

pytestmark = pytest.mark.gpu

GPU = "cuda:0"
MIB = 2**20


def number(value: Json) -> float:
    assert isinstance(value, int | float)
    return value


def batch(items: int) -> Batch:
    return Batch(torch.randn(items, 3, 224, 224, device=GPU), torch.zeros(items, dtype=torch.int64, device=GPU))


@pytest.fixture
def vit() -> nn.Module:
    import timm

    torch.manual_seed(0)
    net: nn.Module = timm.create_model("deit_small_patch16_224")
    return net.to(GPU).eval()


def on_gpu(net: nn.Module, runtime: Runtime | None = None) -> Subject:
    asked = runtime or Runtime()
    cast = numerics.cast(net, asked)
    made = subject_of(cast, copy.deepcopy(cast), lambda items: numerics.cast_batch(batch(items), asked))
    return replace(made, device=GPU, compiled=numerics.Compiler(asked))


def test_events_and_the_clock_agree_where_the_gpu_is_the_bottleneck(vit: nn.Module) -> None:
    inputs = batch(64).inputs
    with torch.inference_mode():
        for _ in range(3):
            vit(inputs)
        found = [timed(lambda: vit(inputs), GPU, IdleClock(GPU), iterations=5) for _ in range(5)]
    ratios = [one.device_s / one.wall_s for one in found if one.device_s]
    assert len(ratios) == 5
    assert 0.9 < statistics.median(ratios) <= 1.001


def test_events_never_see_more_than_the_clock(vit: nn.Module) -> None:
    (found,) = Latency(rounds=1, pairs=5).collect(on_gpu(vit), IdleClock(GPU))
    assert number(found.details["device_p50"]) <= number(found.details["p50"]) * 1.01


def test_the_peak_of_known_tensors_is_their_size() -> None:
    with PeakMemory(GPU) as phase:
        held = [torch.empty(16 * MIB, dtype=torch.uint8, device=GPU) for _ in range(3)]
        del held[0]
        torch.empty(8 * MIB, dtype=torch.uint8, device=GPU)
    assert phase.peak.above_bytes == 48 * MIB


def test_allocated_is_below_reserved_is_below_what_the_driver_counts(vit: nn.Module) -> None:
    (found,) = Memory(batch=32).collect(on_gpu(vit), IdleClock(GPU))
    seen = found.details["highest_bytes"]
    assert isinstance(seen, list)
    highest = number(seen[-1])
    assert found.value is not None
    assert found.value < highest <= number(found.details["reserved_bytes"])
    address = gpu_address(GPU)
    assert address is not None
    used = gpu_state(address.uuid, address.bus_id, holds_context=True).device_used_bytes
    assert used is None or used > highest


def test_a_batch_beyond_the_memory_is_a_result(vit: nn.Module) -> None:
    total = torch.cuda.get_device_properties(0).total_memory
    items = total // (3 * 224 * 224 * 4) * 2
    (found,) = Throughput(batch=items, rounds=1, pairs=2).collect(on_gpu(vit), IdleClock(GPU))
    assert found.value is None
    assert str(found.reason).startswith("oom_gpu")


def test_energy_agrees_with_polled_power(vit: nn.Module) -> None:
    subject = on_gpu(vit)
    (found, net) = Energy(batch=64, windows=2).collect(subject, IdleClock(GPU))
    if found.value is None:
        pytest.skip(str(found.reason))
    address, inputs, powers = gpu_address(GPU), batch(64).inputs, []
    assert address is not None
    end = time.monotonic() + 3.0
    with torch.inference_mode():
        while time.monotonic() < end:
            for _ in range(5):
                vit(inputs)
            torch.cuda.synchronize()
            powers.append(gpu_state(address.uuid, address.bus_id, holds_context=True).power_w or 0.0)
    assert statistics.mean(powers[len(powers) // 2 :]) == pytest.approx(number(found.details["mean_w"]), rel=0.2)
    assert net.value is not None
    assert net.value < found.value


@pytest.mark.parametrize(
    "runtime",
    [
        {"dtype": "tf32"},
        {"dtype": "bf16"},
        {"dtype": "fp16"},
        {"dtype": "bf16", "attention": "flash"},
        {"attention": "efficient"},
    ],
    ids=str,
)
def test_every_runtime_computes_the_same_network(vit: nn.Module, runtime: dict[str, str]) -> None:
    asked = Runtime.model_validate(runtime)
    items = batch(8)
    with torch.inference_mode():
        expected = vit(items.inputs)
        with numerics.in_force(asked, GPU):
            found = numerics.cast(vit, asked)(numerics.cast_batch(items, asked).inputs).float()
    assert torch.nn.functional.cosine_similarity(found, expected).min() > 0.99


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's, of its own older compiler
def test_a_compiled_network_is_timed_after_it_was_compiled(vit: nn.Module) -> None:
    asked = Runtime(dtype="bf16", compile="default")
    with numerics.in_force(asked, GPU):
        subject = on_gpu(vit, asked)
        (found,) = collected(lambda: Latency(rounds=1).collect(subject, IdleClock(GPU)), GPU, 0)
    assert found.value is not None
    # The baseline, whose code the candidate, being equal, uses as well.
    assert number(found.details["baseline_cold_first_s"]) > 10 * found.value
    assert "sm_clock_mhz" in str(found.details["machine"])
