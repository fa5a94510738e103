"""Noisy measurements of two runs: raw samples, and the ratio to the baseline that was timed beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.records import Measurement, SharedFrom
from harness.repetition.finding import Finding
from harness.repetition.noisy import noisy

MARGIN = 0.05


def _timed(seconds: float, baseline_s: float, seed: int = 0, **changes: Any) -> Measurement:
    """Thirty pairs; a pair shares half of its noise."""
    draws = np.random.default_rng(seed)
    pace = np.exp(draws.normal(0, 0.01, 30))
    own, base = (s * pace * np.exp(draws.normal(0, 0.01, 30)) for s in (seconds, baseline_s))
    found = Measurement(
        metric="latency_s",
        unit="s",
        better="lower",
        kind="noisy",
        value=float(np.median(own)),
        samples=tuple(map(float, own)),
        baseline_samples=tuple(map(float, base)),
    )
    return found.model_copy(update=changes)


def _judged(old: Measurement, new: Measurement, apart: str | None = None) -> tuple[Finding, Finding]:
    raw, ratio = noisy(old, new, MARGIN, apart)
    return raw, ratio


def _verdicts(*found: Finding) -> tuple[str, ...]:
    return tuple(finding.verdict for finding in found)


def test_the_same_times_are_equivalent_raw_and_against_the_baseline() -> None:
    raw, ratio = _judged(_timed(0.002, 0.004), _timed(0.002, 0.004, seed=1))
    assert _verdicts(raw, ratio) == ("equivalent", "equivalent")
    assert ratio.recorded == pytest.approx(0.5, rel=0.02)


def test_a_network_that_is_slower_than_its_baseline_was_is_different_and_by_how_much_is_said() -> None:
    raw, ratio = _judged(_timed(0.002, 0.004), _timed(0.0024, 0.004, seed=1))
    assert _verdicts(raw, ratio) == ("different", "different")
    assert ratio.numbers["ratio"] == pytest.approx(1.2, rel=0.02)
    assert ", 90 % interval +" in ratio.note


def test_a_machine_that_is_slower_for_both_alike_shows_no_difference() -> None:
    raw, ratio = _judged(_timed(0.002, 0.004), _timed(0.006, 0.012, seed=1))
    assert _verdicts(raw, ratio) == ("undecided", "equivalent")
    assert "no difference of the network itself is shown: the baseline timed beside it moved by +199.4%" in raw.note


def test_without_a_baseline_beside_them_raw_samples_alone_decide() -> None:
    old, new = (_timed(s, 0.004, seed, baseline_samples=()) for s, seed in ((0.002, 0), (0.003, 1)))
    (raw,) = noisy(old, new, MARGIN, None)
    assert raw.verdict == "different"


def test_on_another_machine_only_the_ratio_is_compared_and_it_is_said_why() -> None:
    raw, ratio = _judged(_timed(0.002, 0.004), _timed(0.001, 0.002, seed=1), apart="another machine class (a, here b)")
    assert _verdicts(raw, ratio) == ("not compared", "equivalent")
    assert raw.note == "another machine class (a, here b)"


@pytest.mark.parametrize("quality", ["noisy", "tainted"])
def test_no_difference_is_claimed_of_samples_that_are_doubted(quality: str) -> None:
    doubted = _timed(0.0024, 0.004, seed=1, quality=quality)
    raw, ratio = _judged(_timed(0.002, 0.004), doubted)
    assert _verdicts(raw, ratio) == ("undecided", "undecided")
    assert f"samples are {quality} (here)" in ratio.note


def test_few_scattered_pairs_are_undecided() -> None:
    old = _timed(0.002, 0.004, samples=(0.002, 0.004, 0.003), baseline_samples=(0.004, 0.003, 0.002))
    new = _timed(0.002, 0.004, samples=(0.003, 0.002, 0.006), baseline_samples=(0.004, 0.004, 0.002))
    assert _verdicts(*_judged(old, new)) == ("undecided", "undecided")


def test_a_shared_measurement_is_compared_like_its_own() -> None:
    old = _timed(0.002, 0.004, shared_from=SharedFrom(trial="other", run="r"))
    assert _verdicts(*_judged(old, _timed(0.002, 0.004, seed=1))) == ("equivalent", "equivalent")


def test_the_very_same_samples_are_equal_even_without_a_logarithm() -> None:
    zero = _timed(0.002, 0.004, value=0.0, samples=(0.0, 0.0), baseline_samples=())
    (raw,) = noisy(zero, zero, MARGIN, None)
    assert raw.verdict == "equal"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"samples": ()}, "no usable samples here"),
        ({"samples": (0.0, 1.0)}, "a sample that is not above zero has no logarithm"),
    ],
)
def test_samples_that_cannot_be_tested_are_not_compared(changes: dict[str, Any], note: str) -> None:
    (raw,) = noisy(
        _timed(1.0, 1.0, baseline_samples=()), _timed(1.0, 1.0, baseline_samples=(), **changes), MARGIN, None
    )
    assert (raw.verdict, raw.note) == ("not compared", note)


def test_pairs_that_lost_their_partner_give_no_ratio() -> None:
    broken = _timed(0.002, 0.004, seed=1)
    broken = broken.model_copy(update={"baseline_samples": broken.baseline_samples[:-1]})
    assert _judged(_timed(0.002, 0.004), broken)[1].verdict == "not compared"
