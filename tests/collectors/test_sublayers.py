"""Shares of the latency against a clock that is told the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, count, cycle, repeat
from typing import Any

import pytest
import torch
from conftest import FakeClock
from subjects import subject_of
from torch import Tensor, nn

from harness.collectors.base import Single, Subject
from harness.collectors.sublayers import Sublayers
from harness.device import IdleClock
from harness.records import Measurement

KINDS = {"a": "attention", "b": "mlp"}


class Costly(nn.Module):
    """Takes the next of its costs in seconds and writes its name into a log; a copy shares both."""

    def __init__(self, name: str, costs: Iterator[float], clock: FakeClock, log: list[str]) -> None:
        super().__init__()
        self.name, self.costs, self.clock, self.log = name, costs, clock, log

    def forward(self, inputs: Tensor) -> Tensor:
        self.log.append(self.name)
        self.clock.advance(next(self.costs))
        return inputs

    def __deepcopy__(self, memo: dict[int, Any]) -> Costly:
        return self


@dataclass
class Parts:
    """A whole network `w` that takes 1 s a step, and what it takes without `a` and without `b`."""

    clock: FakeClock
    a: Iterator[float] = field(default_factory=lambda: repeat(0.75))
    b: Iterator[float] = field(default_factory=lambda: repeat(0.5))
    whole: Iterator[float] = field(default_factory=lambda: repeat(1.0))
    log: list[str] = field(default_factory=list)

    def subject(self) -> Subject:
        nets = {name: Costly(name, costs, self.clock, self.log) for name, costs in self.named().items()}
        found = {
            name: Single(KINDS[name], depth, 1, 1, lambda net=nets[name]: net)  # type: ignore[misc]  # bound now
            for depth, name in enumerate(KINDS)
        }
        return replace(subject_of(nets["w"], nets["w"]), singles=found)

    def named(self) -> dict[str, Iterator[float]]:
        return {"w": self.whole, "a": self.a, "b": self.b}


def shares(parts: Parts, **options: Any) -> Measurement:
    quick: dict[str, Any] = {"rounds": 2, "pairs": 2, "warmup": 1, "limit_s": 1e9, **options}
    return Sublayers(**quick).collect(parts.subject(), parts.clock)[0]


def test_a_share_is_what_the_latency_falls_by(clock: FakeClock) -> None:
    found = shares(Parts(clock))
    assert found.by_sublayer == {"a": 0.25, "b": 0.5}
    assert found.value == 0.75
    assert found.quality == "ok"


def test_a_share_is_the_median_over_pairs_whatever_the_machine_does_meanwhile(clock: FakeClock) -> None:
    paces = cycle([1.0, 1.0, 3.0, 3.0, 2.0, 2.0])  # both steps of a pair at one pace, the next pair at another
    parts = Parts(clock, (0.75 * pace for pace in paces), repeat(0.5), paces)
    assert shares(parts, kinds=("attention",)).by_sublayer == pytest.approx({"a": 0.25})


def test_rounds_visit_every_sublayer_and_the_control_from_either_end(clock: FakeClock) -> None:
    parts = Parts(clock)
    shares(parts)
    first = ["wa" * 3, "wb" * 3, "ww" * 3]
    second = ["ww" * 3, "wb" + "bw" * 2, "wa" + "aw" * 2]  # warmed up alike, then the other begins
    assert "".join(parts.log).startswith("".join([*first, *second]))


def test_warmup_is_not_measured_at_any_visit(clock: FakeClock) -> None:
    parts = Parts(clock, a=cycle([9.0, 0.75, 0.75]))
    assert shares(parts).by_sublayer == {"a": 0.25, "b": 0.5}


def test_a_copy_that_lacks_nothing_is_timed_as_a_control(clock: FakeClock) -> None:
    assert shares(Parts(clock)).details["control_ratios"] == [1.0] * 4


def test_visits_end_with_the_time_but_two_rounds_are_always_made(clock: FakeClock) -> None:
    assert shares(Parts(clock), rounds=9, limit_s=0.1).details["pairs"] == [4, 4]
    # A round takes 5.25 + 4.5 + 6 s, so that two and a visit of `a` begin before this limit.
    assert shares(Parts(FakeClock()), rounds=9, limit_s=35).details["pairs"] == [4, 6]


def test_ratios_are_kept_in_order_to_six_figures(clock: FakeClock) -> None:
    found = shares(Parts(clock, a=(n / 7 for n in count(1))))
    assert found.details["ratios"]["a"] == [0.285714, 0.428571, 0.714286, 0.857143]  # type: ignore[index, call-overload]  # a mapping


def test_one_noisy_sublayer_is_named_and_the_others_stand(clock: FakeClock) -> None:
    parts = Parts(clock, a=cycle([0.75, 0.3, 0.9]))
    assert shares(parts).details["noisy"] == ["a"]


def test_half_of_them_noisy_is_a_noisy_measurement(clock: FakeClock) -> None:
    found = shares(Parts(clock, a=cycle([0.75, 0.3, 0.9])))
    assert found.quality == "noisy"
    assert found.reason is not None
    assert found.reason.endswith("for 1 of 2 sublayers")
    assert found.warnings == (found.reason,)


def test_a_clock_that_goes_back_taints_and_its_pairs_are_dropped(clock: FakeClock) -> None:
    found = shares(Parts(clock, a=chain([0.75, -1.0], repeat(0.75))))
    assert found.quality == "tainted"
    assert found.by_sublayer == {"a": 0.25, "b": 0.5}
    assert found.details["pairs"] == [3, 4]


def test_a_clock_that_stands_still_gives_null(clock: FakeClock) -> None:
    found = shares(Parts(clock, a=repeat(0.0)))
    assert found.value is None
    assert (found.reason or "").startswith("clock: ")


def test_kinds_are_chosen_and_a_strange_one_is_null_with_those_known(clock: FakeClock) -> None:
    assert list(shares(Parts(clock), kinds=("mlp",)).by_sublayer or {}) == ["b"]
    found = shares(Parts(clock), kinds=("mlp", "mixer"))
    assert found.value is None
    assert found.reason == "no_sublayers: none of kind mixer in this network; known: attention, mlp"


def test_a_network_that_offers_none_is_null(clock: FakeClock) -> None:
    parts = Parts(clock)
    found = Sublayers().collect(replace(parts.subject(), singles={}), clock)
    assert [m.value for m in found] == [None, None]
    assert parts.log == []


def test_a_runtime_that_compiles_is_null_before_anything_runs(clock: FakeClock) -> None:
    parts = Parts(clock)
    wrapped: Callable[[nn.Module], nn.Module] = nn.Sequential
    found = Sublayers().collect(replace(parts.subject(), compiled=wrapped), clock)
    assert [(m.reason or "").partition(":")[0] for m in found] == ["compiled", "compiled"]
    assert parts.log == []


def test_a_batch_that_does_not_fit_is_a_result(clock: FakeClock) -> None:
    class Full(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            raise MemoryError

    net = Full()
    single = Single("mlp", 0, 0, 0, lambda: net)
    found = Sublayers(batch=4).collect(replace(subject_of(net, net), singles={"a": single}), clock)
    assert found[0].reason == "oom_host: a batch of 4 does not fit into its memory"


def test_peak_memory_on_a_cpu_is_null_with_what_to_ask_instead(clock: FakeClock) -> None:
    _, peak = Sublayers(rounds=2, pairs=1, warmup=1).collect(Parts(clock).subject(), clock)
    assert peak.value is None
    assert "sublayer_counts" in (peak.reason or "")


@pytest.mark.gpu
def test_the_peak_falls_by_what_the_largest_sublayer_held() -> None:
    class Wide(nn.Module):
        """Holds `mib` for a moment."""

        def __init__(self, mib: int) -> None:
            super().__init__()
            self.mib = mib

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs + torch.empty(self.mib * 2**18, device=inputs.device)[0] * 0

    whole, rest = Wide(64), Wide(16)
    single = Single("mlp", 0, 0, 0, lambda: rest)
    plain = subject_of(whole, whole)
    subject = replace(
        plain, device="cuda:0", singles={"a": single}, example=lambda items: plain.example(items).to("cuda:0")
    )
    _, peak = Sublayers(rounds=2).collect(subject, IdleClock("cuda:0"))
    assert peak.by_sublayer == {"a": 48 * 2**20}
