"""Counts that hang on values: routed experts, dropped items and early exits against counts by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import stdev

import pytest
import torch
from conftest import FakeClock
from subjects import example, subject_of
from torch import Tensor, nn

from harness.collectors.activations import Activations
from harness.collectors.base import Subject
from harness.collectors.macs import Macs
from harness.collectors.per_item import BATCHES, ITEMS, counts_of
from harness.records import Measurement
from harness.tasks.base import Batch

WIDTH, CLASSES = 64, 10
HIDDEN = (8, 16, 32)


class Experts(nn.Module):
    """Sends each item to the one expert that its router likes best; `capacity` is how many an expert takes at most."""

    def __init__(self, capacity: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.capacity = capacity
        self.router = nn.Linear(WIDTH, len(HIDDEN))
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, hidden), nn.GELU(), nn.Linear(hidden, CLASSES)) for hidden in HIDDEN
        )

    def forward(self, inputs: Tensor) -> Tensor:
        items = inputs.flatten(1)
        chosen = self.router(items).argmax(1)
        outputs = items.new_zeros(len(items), CLASSES)
        for number, expert in enumerate(self.experts):
            mine = (chosen == number).nonzero().flatten()[: self.capacity]
            outputs = outputs.index_copy(0, mine, expert(items.index_select(0, mine)))
        return outputs

    def by_hand(self, inputs: Tensor) -> int:
        """MACs of one batch, from how many items the router sends where."""
        with torch.no_grad():
            chosen = self.router(inputs.flatten(1)).argmax(1).tolist()
        most = len(chosen) if self.capacity is None else self.capacity
        taken = [min(chosen.count(number), most) for number in range(len(HIDDEN))]
        routed = sum(n * (WIDTH * hidden + hidden * CLASSES) for n, hidden in zip(taken, HIDDEN, strict=True))
        return int(len(chosen) * WIDTH * len(HIDDEN) + routed)


class Early(nn.Module):
    """Leaves after the first layer where the batch as a whole is bright enough."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, CLASSES)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.first(inputs.flatten(1))
        if inputs.mean() > 0:
            return found[:, :CLASSES]
        return self.second(found) + self.head(found)  # type: ignore[no-any-return]  # torch's modules return anything


def real(batches: int, items: int) -> tuple[Batch, ...]:
    generator = torch.Generator().manual_seed(5)
    return tuple(
        Batch(torch.randn(items, 1, 8, 8, generator=generator), torch.zeros(items, dtype=torch.int64))
        for _ in range(batches)
    )


REAL = [batch.inputs for batch in real(BATCHES, ITEMS)]


def with_real(candidate: nn.Module, baseline: nn.Module | None = None) -> Subject:
    return replace(subject_of(candidate.eval(), (baseline or candidate).eval()), real=real)


def macs_of(subject: Subject) -> Measurement:
    return Macs(cross_check=False).collect(subject, FakeClock())[0]


@pytest.mark.parametrize("capacity", [None, 3, 1])
def test_routed_items_are_counted_and_not_the_capacity(capacity: int | None) -> None:
    net = Experts(capacity)
    totals = [net.by_hand(inputs) for inputs in REAL]
    macs = macs_of(with_real(net))
    each = [total / ITEMS for total in totals]
    assert macs.value == sum(totals) / (BATCHES * ITEMS)
    assert macs.details["input"] == "real batches"
    assert macs.details["per_batch"] == each
    assert macs.details["spread"] == pytest.approx(
        {"min": min(each), "max": max(each), "mean": sum(each) / BATCHES, "sd": stdev(each)}
    )
    assert "aten.nonzero" in str(macs.details["read_by"])
    assert macs.warnings == ()


def test_flops_are_twice_the_macs_of_routed_items() -> None:
    macs, flops = Macs(cross_check=False).collect(with_real(Experts()), FakeClock())
    assert macs.value is not None
    assert flops.value == 2 * macs.value
    assert flops.details["baseline"] == 2 * macs.value


def test_activations_of_routed_items_are_counted_too() -> None:
    net = Experts()
    (found,) = Activations().collect(with_real(net), FakeClock())
    given = 0
    for inputs in REAL:
        chosen = net.router(inputs.flatten(1)).argmax(1).tolist()
        given += len(chosen) * len(HIDDEN) + sum(HIDDEN[number] + CLASSES for number in chosen)
    assert found.value == given / (BATCHES * ITEMS)


def test_an_early_exit_is_counted_as_often_as_it_is_taken() -> None:
    macs = macs_of(with_real(Early()))
    each = [WIDTH**2 + (0 if inputs.mean() > 0 else 2 * WIDTH * CLASSES) for inputs in REAL]
    assert len(set(each)) == 2
    assert macs.details["per_batch"] == each
    assert macs.value == sum(each) / BATCHES


def test_candidate_and_baseline_see_the_same_batches_where_either_reads_values() -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(WIDTH, CLASSES))
    for candidate, baseline in ((plain, Experts()), (Experts(), plain)):
        macs = macs_of(with_real(candidate, baseline))
        assert macs.details["input"] == "real batches"
        assert WIDTH * CLASSES in (macs.value, macs.details["baseline"])
        by_hand = sum(Experts().by_hand(inputs) for inputs in REAL) / (BATCHES * ITEMS)
        assert by_hand in (macs.value, macs.details["baseline"])


def test_a_network_that_reads_nothing_is_counted_on_one_made_up_item(tiny_net: nn.Module) -> None:
    def refused(batches: int, items: int) -> tuple[Batch, ...]:
        raise AssertionError("nobody needs real items here")

    macs = macs_of(replace(subject_of(tiny_net, tiny_net), real=refused))
    assert macs.details["input"] == "one made-up item"
    assert "spread" not in macs.details


def test_without_real_items_a_made_up_batch_is_counted_with_a_warning() -> None:
    net = Experts()
    macs = macs_of(subject_of(net.eval(), net))
    assert macs.value == net.by_hand(example(ITEMS).inputs) / ITEMS
    assert macs.details["input"] == "one made-up batch"
    assert macs.warnings == (
        "the count hangs on values, read by aten.nonzero, and there were no real items: made-up ones were counted",
    )


def test_the_other_counters_see_the_first_of_the_batches() -> None:
    net = Experts()
    macs = Macs().collect(with_real(net), FakeClock())[0]
    first = net.by_hand(REAL[0]) / ITEMS
    assert macs.details["fvcore"] == first
    assert macs.details["unexplained_difference"] == {"fvcore": 0.0, "ptflops": 0.0}


@pytest.mark.parametrize("made", [Experts, Early])
def test_counting_what_hangs_on_values_leaves_the_network_alone(made: Callable[[], nn.Module]) -> None:
    net = made().eval()
    before = {name: (tensor.data_ptr(), tensor.clone()) for name, tensor in net.state_dict().items()}
    counts_of(with_real(net))
    for name, tensor in net.state_dict().items():
        assert tensor.data_ptr() == before[name][0]
        assert torch.equal(tensor, before[name][1])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(parameter.requires_grad for parameter in net.parameters())
