"""Evidence of a change: sure within runs by ranks, and more than runs differ by; what could have been seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from harness.records import Measurement
from harness.regressions.evidence import BETWEEN, Series, Spread, between_runs, evidence, series
from harness.regressions.finding import Limits
from harness.regressions.noisy import judged

LIMITS = Limits()
SPREAD = Spread(BETWEEN)


def _series(random: np.random.Generator, shift: float = 0.0, runs: int = 1, between: float = 0.0) -> Series:
    return Series(tuple(random.normal(shift + random.normal(0, between), 0.02, 40) for _ in range(runs)))


def test_a_difference_within_what_runs_differ_by_is_not_believed_however_sure_its_samples_are() -> None:
    random = np.random.default_rng(0)
    first, second = (Series((random.normal(at, 0.0005, 400),)) for at in (0.0, 0.005))
    found = evidence(first, second, "lower", SPREAD)
    assert found.p_worse > 0.2
    assert evidence(first, second, "lower", Spread(0.0)).p_worse < 1e-9


def test_worse_is_slower_for_times_and_less_for_rates() -> None:
    random = np.random.default_rng(1)
    first, second = _series(random), _series(random, 0.1)
    assert evidence(first, second, "lower", SPREAD).worse == pytest.approx(0.1, abs=0.01)
    assert evidence(first, second, "higher", SPREAD).worse == pytest.approx(-0.1, abs=0.01)


def test_no_change_in_forty_metrics_raises_no_alarm_and_five_per_cent_does() -> None:
    random = np.random.default_rng(2)
    for _ in range(20):
        family = [evidence(_series(random), _series(random), "lower", SPREAD) for _ in range(39)]
        slowed = evidence(_series(random), _series(random, math.log(1.05)), "lower", SPREAD)
        marks = [verdict.mark for verdict in judged([slowed, *family], LIMITS)]
        assert marks == ["-", *["~"] * 39]


def test_what_is_sure_and_small_is_no_regression() -> None:
    random = np.random.default_rng(3)
    found = evidence(_series(random, runs=20), _series(random, 0.02, runs=20), "lower", SPREAD)
    (verdict,) = judged([found], LIMITS)
    assert verdict.p < 0.01
    assert verdict.mark == "~"


def test_a_detectable_change_is_seen_with_the_power_that_it_promises() -> None:
    random = np.random.default_rng(4)
    promised = evidence(_series(random), _series(random), "lower", SPREAD).detectable(LIMITS.level, LIMITS.effect)
    hits = 0
    for _ in range(200):
        first, second = (_series(random, shift, between=BETWEEN) for shift in (0.0, math.log1p(promised)))
        hits += judged([evidence(first, second, "lower", SPREAD)], LIMITS)[0].mark == "-"
    assert hits >= 0.9 * 200


def test_what_runs_differ_by_is_estimated_from_repeated_runs_alone() -> None:
    random = np.random.default_rng(5)
    found = between_runs([_series(random, runs=6, between=0.03) for _ in range(20)])
    assert found is not None
    assert found.sd == pytest.approx(0.03, rel=0.2)
    assert found.freedom == 100
    assert between_runs([_series(random) for _ in range(50)]) is None


def test_an_estimated_spread_has_the_heavier_tails_of_few_degrees_of_freedom() -> None:
    assert Spread(0.01, 10).limit(0.00025) > 1.4 * Spread(0.01).limit(0.00025)
    assert Spread(0.01, 10).tail(3) > Spread(0.01).tail(3)


def test_samples_that_cannot_be_compared_say_why() -> None:
    base: dict[str, Any] = {"metric": "latency_s", "unit": "s", "better": "lower", "kind": "noisy", "value": 1.0}
    told: dict[str, dict[str, Any]] = {
        "its samples were not kept": {},
        "a sample is not above zero": {"samples": (1.0, 0.0), "baseline_samples": (1.0, 1.0)},
        "a sample of the baseline is not above zero": {"samples": (1.0, 1.0), "baseline_samples": (1.0, 0.0)},
        "its samples and the baseline's are not in pairs": {"samples": (1.0, 1.0), "baseline_samples": (1.0,)},
    }
    for reason, fields in told.items():
        assert series([Measurement.model_validate({**base, **fields})], is_ratio=True) == reason
