"""Latency against a clock that is told the time."""

from __future__ import annotations

from itertools import chain, count, repeat

import pytest
from conftest import FakeClock
from subjects import MovingClock, Stage, subject_of
from torch import Tensor, nn

from harness.collectors.latency import Latency

# One cold step, then two windows of one step, then one step to begin the round.
UNMEASURED = 4


def test_warmup_is_not_measured(clock: FakeClock) -> None:
    stage = Stage(clock, chain(repeat(9.0, UNMEASURED), repeat(0.5)), chain(repeat(9.0, UNMEASURED), repeat(0.25)))
    (found,) = Latency(warmup=1, rounds=1, pairs=2).collect(stage.subject, clock)
    assert found.samples == (0.25, 0.25)
    assert found.baseline_samples == (0.5, 0.5)
    assert found.value == 0.25


def test_the_cold_first_step_is_told_apart(clock: FakeClock) -> None:
    stage = Stage(clock, candidate=chain([7.0], repeat(0.25)))
    (found,) = Latency(warmup=1, rounds=1, pairs=2).collect(stage.subject, clock)
    assert found.details["cold_first_s"] == 7.0


def test_baseline_and_candidate_run_strictly_in_turn(clock: FakeClock) -> None:
    stage = Stage(clock)
    Latency(warmup=1, rounds=1, pairs=4).collect(stage.subject, clock)
    measured = stage.log[2 * UNMEASURED : 2 * UNMEASURED + 8]
    assert "".join(name[0] for name in measured) == "bcbcbcbc"


def test_every_second_round_begins_with_the_candidate(clock: FakeClock) -> None:
    stage = Stage(clock, (float(n) for n in count(1)), (10.0 * n for n in count(1)))
    (found,) = Latency(warmup=1, rounds=2, pairs=2).collect(stage.subject, clock)
    in_rounds = "".join(name[0] for name in stage.log[2 * (UNMEASURED - 1) :])
    assert in_rounds.startswith("bc" * 3 + "cb" * 3)
    assert {mine / other for mine, other in zip(found.samples, found.baseline_samples, strict=True)} == {10.0}


def test_neighbours_in_time_are_pairs(clock: FakeClock) -> None:
    stage = Stage(clock, (float(n) for n in count(1)), (10.0 * n for n in count(1)))
    (found,) = Latency(warmup=1, rounds=1, pairs=3).collect(stage.subject, clock)
    ratios = [mine / other for mine, other in zip(found.samples, found.baseline_samples, strict=True)]
    assert ratios == [10.0, 10.0, 10.0]


def test_rounds_tell_which_samples_belong_together(clock: FakeClock) -> None:
    (found,) = Latency(warmup=1, rounds=3, pairs=2).collect(Stage(clock).subject, clock)
    assert found.rounds == (0, 0, 1, 1, 2, 2)


def test_warmup_goes_on_until_two_windows_agree(clock: FakeClock) -> None:
    stage = Stage(clock, candidate=chain([9.0, 4.0, 1.0], repeat(0.25)))
    (found,) = Latency(warmup=1, rounds=1, pairs=2, warmup_limit_s=60).collect(stage.subject, clock)
    assert found.details["warmup_iterations"] == 4  # 4, 1, 0.25, 0.25
    assert found.warnings == ()


def test_warmup_that_never_settles_ends_and_says_so(clock: FakeClock) -> None:
    stage = Stage(clock, candidate=(1.0 / n for n in count(1)))
    (found,) = Latency(warmup=1, rounds=1, pairs=2, warmup_limit_s=3.0).collect(stage.subject, clock)
    assert any("after 4 steps of warm-up" in warning for warning in found.warnings)


def test_a_short_step_is_repeated_within_a_sample(clock: FakeClock) -> None:
    stage = Stage(clock, repeat(0.002), repeat(0.001))
    (found,) = Latency(warmup=1, rounds=1, pairs=2, min_sample_s=0.005).collect(stage.subject, clock)
    assert found.details["iterations"] == 5
    assert found.samples == pytest.approx([0.001] * 4)


def test_noise_is_said_and_the_samples_are_kept(clock: FakeClock) -> None:
    stage = Stage(clock, candidate=chain(repeat(0.25, UNMEASURED), [0.1, 0.4, 0.2, 0.3], repeat(0.25)))
    (found,) = Latency(warmup=1, rounds=1, pairs=4).collect(stage.subject, clock)
    assert found.quality == "noisy"
    assert found.reason is not None
    assert found.reason in found.warnings
    assert sorted(found.samples) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert found.value == pytest.approx(0.25)


def test_a_common_slowdown_is_no_noise(clock: FakeClock) -> None:
    slow = [0.25, 1.0, 0.5, 2.0]
    stage = Stage(
        clock,
        chain(repeat(0.5, UNMEASURED), (2 * s for s in slow), repeat(0.5)),
        chain(repeat(0.25, UNMEASURED), slow, repeat(0.25)),
    )
    (found,) = Latency(warmup=1, rounds=1, pairs=4).collect(stage.subject, clock)
    assert found.quality == "ok"


def test_percentiles_are_those_of_the_samples(clock: FakeClock) -> None:
    costs = [n / 1000 for n in range(101)]
    stage = Stage(clock, candidate=chain(repeat(0.05, UNMEASURED), (c + 1 for c in costs), repeat(1.0)))
    (found,) = Latency(warmup=1, rounds=1, pairs=101).collect(stage.subject, clock)
    shown = [found.details[name] for name in ("p50", "p90", "p95", "p99", "iqr")]
    assert shown == pytest.approx([1.05, 1.09, 1.095, 1.099, 0.05])


def test_an_option_that_is_not_at_its_default_is_part_of_the_identity() -> None:
    assert Latency().asked()[0].at == {"batch": 1, "revision": 3}
    assert Latency(pairs=20).asked()[0].at == {"batch": 1, "pairs": 20, "revision": 3}


def test_a_sample_is_one_step_so_that_percentiles_are_of_steps(clock: FakeClock) -> None:
    (found,) = Latency(warmup=1, rounds=1, pairs=2).collect(Stage(clock, repeat(2e-5), repeat(1e-5)).subject, clock)
    assert found.details["iterations"] == 1


def test_warmup_lasts_its_least_time_even_where_windows_agree_at_once(clock: FakeClock) -> None:
    stage = Stage(clock, repeat(0.01), repeat(0.01))
    (found,) = Latency(warmup=1, rounds=1, pairs=2, warmup_s=0.19).collect(stage.subject, clock)
    assert found.details["warmup_iterations"] == 10
    assert found.warnings == ()


def test_a_round_goes_on_for_its_least_time_and_takes_twice_its_pairs_at_most(clock: FakeClock) -> None:
    short = Latency(warmup=1, rounds=1, pairs=4, round_s=0.9).collect(
        Stage(clock, repeat(0.1), repeat(0.1)).subject, clock
    )[0]
    shorter = Latency(warmup=1, rounds=1, pairs=4, round_s=0.9).collect(
        Stage(clock, repeat(0.01), repeat(0.01)).subject, clock
    )[0]
    assert (len(short.samples), len(shorter.samples)) == (5, 8)


def test_a_round_unlike_the_others_is_noise_even_where_most_pairs_agree(clock: FakeClock) -> None:
    calm = [0.25] * 5  # an unmeasured step, then four pairs
    stage = Stage(
        clock, candidate=chain(repeat(0.25, UNMEASURED - 1), calm, calm, calm, [0.4] * 5, calm, calm, repeat(0.25))
    )
    (found,) = Latency(warmup=1, rounds=6, pairs=4).collect(stage.subject, clock)
    assert found.details["ratio_spread"] == 0
    assert found.quality == "noisy"
    assert "the median ratio of a round is 60% off" in str(found.reason)


def test_pairs_in_which_the_clock_went_back_are_dropped_and_taint_the_rest(clock: FakeClock) -> None:
    stage = Stage(clock, candidate=chain(repeat(0.25, UNMEASURED), [-1.0, 0.25, 0.0], repeat(0.25)))
    (found,) = Latency(warmup=1, rounds=1, pairs=5).collect(stage.subject, clock)
    assert found.quality == "tainted"
    assert "went back in 2 of 5 pairs" in str(found.reason)
    assert found.samples == (0.25, 0.25, 0.25)
    assert len(found.baseline_samples) == len(found.rounds) == 3


def test_a_clock_that_never_moves_gives_null_and_why(clock: FakeClock) -> None:
    (found,) = Latency(warmup=1, rounds=1, pairs=3).collect(Stage(clock, repeat(0.0), repeat(0.0)).subject, clock)
    assert found.value is None
    assert "clock: it stood still or went back in 3 of 3 pairs" in str(found.reason)


def test_another_image_size_is_a_measurement_of_its_own(tiny_net: nn.Module, clock: FakeClock) -> None:
    collector = Latency(image_size=[8, 16], warmup=1, rounds=1, pairs=2)
    small, large = collector.collect(subject_of(tiny_net, tiny_net), MovingClock())
    assert [m.at["image_size"] for m in (small, large)] == [8, 16]
    assert large.value is not None


def test_a_network_that_cannot_take_the_size_says_so_itself(tiny_net: nn.Module) -> None:
    class Fixed(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.reshape(len(inputs), 64)

    with pytest.raises(RuntimeError, match="invalid for input"):
        Latency(image_size=16, warmup=1, rounds=1, pairs=2).collect(subject_of(Fixed(), Fixed()), MovingClock())


def test_steps_that_fetch_memory_anew_are_told(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = count(0, 5000)
    monkeypatch.setattr("harness.device.page_faults", lambda: next(fetched))
    (found,) = Latency(warmup=1, rounds=1, pairs=2).collect(Stage(clock).subject, clock)
    assert found.details["page_faults"] == found.details["baseline_page_faults"] == 5000
    told = "a step fetched 5000 pages of memory anew and one of the baseline 5000, which takes time"
    assert told in found.warnings
    assert found.quality == "ok"
