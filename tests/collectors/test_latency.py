"""Latency against a clock that is told the time."""

from __future__ import annotations

from itertools import chain, count, repeat

import pytest
from conftest import FakeClock
from subjects import Stage

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


def test_baseline_and_candidate_take_turns_and_every_second_pair_turns_round(clock: FakeClock) -> None:
    stage = Stage(clock)
    Latency(warmup=1, rounds=1, pairs=4).collect(stage.subject, clock)
    measured = stage.log[2 * UNMEASURED : 2 * UNMEASURED + 8]
    assert "".join(name[0] for name in measured) == "bccbbccb"


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
    (found,) = Latency(warmup=1, rounds=1, pairs=2).collect(stage.subject, clock)
    assert found.details["warmup_iterations"] == 4  # 4, 1, 0.25, 0.25
    assert found.warnings == ()


def test_warmup_that_never_settles_ends_and_says_so(clock: FakeClock) -> None:
    stage = Stage(clock, candidate=(1.0 / n for n in count(1)))
    (found,) = Latency(warmup=1, rounds=1, pairs=2).collect(stage.subject, clock)
    assert any("after 4 steps of warm-up" in warning for warning in found.warnings)


def test_a_short_step_is_repeated_within_a_sample(clock: FakeClock) -> None:
    stage = Stage(clock, repeat(0.002), repeat(0.001))
    (found,) = Latency(warmup=1, rounds=1, pairs=2, min_sample_s=0.005).collect(stage.subject, clock)
    assert found.details["iterations"] == 5
    assert found.samples == pytest.approx((0.001, 0.001))


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
    assert Latency().asked()[0].at == {"batch": 1}
    assert Latency(pairs=20).asked()[0].at == {"batch": 1, "pairs": 20}
