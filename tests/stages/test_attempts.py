"""A timing that cannot be trusted is taken again, every attempt is kept, and the best is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness import watch
from harness.gpu_state import POWER_CAP, GpuState
from harness.records import Measurement
from harness.stages.attempts import collected, of_gpu
from harness.watch import Quality, Verdict


def timing(value: float | None, quality: Quality = "ok", spread: float = 0.0) -> Measurement:
    return Measurement(
        metric="latency_s",
        unit="s",
        better="lower",
        kind="noisy",
        value=value,
        samples=() if value is None else (value,),
        baseline_samples=() if value is None else (2.0,),
        rounds=() if value is None else (0,),
        quality=quality,
        reason=None if quality == "ok" else f"{quality}: as told",
        details={"ratio_spread": spread},
    )


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing else goes on."""
    monkeypatch.setattr(watch, "judged", lambda before, after: Verdict())


def in_turn(*found: Measurement) -> Iterator[tuple[Measurement, ...]]:
    return iter([(one,) for one in found])


@pytest.mark.usefixtures("calm")
def test_a_good_timing_is_taken_once() -> None:
    left = in_turn(timing(1.0), timing(9.0))
    (found,) = collected(lambda: next(left), "cpu", 2)
    assert (found.value, "attempts" in found.details) == (1.0, False)
    assert len(list(left)) == 1


@pytest.mark.usefixtures("calm")
def test_a_noisy_one_is_taken_again_until_it_is_good_and_all_are_kept() -> None:
    left = in_turn(timing(1.0, "noisy"), timing(3.0), timing(9.0))
    (found,) = collected(lambda: next(left), "cpu", 2)
    assert (found.value, found.quality, found.details["attempts"]) == (3.0, "ok", 2)
    others = found.details["other_attempts"]
    assert isinstance(others, list)
    assert [isinstance(one, dict) and (one["number"], one["samples"], one["reason"]) for one in others] == [
        (0, [1.0], "noisy: as told")
    ]


@pytest.mark.usefixtures("calm")
def test_of_bad_attempts_the_best_quality_then_the_smallest_spread_is_shown() -> None:
    left = in_turn(timing(1.0, "tainted", 0.1), timing(2.0, "noisy", 0.4), timing(3.0, "noisy", 0.3))
    (found,) = collected(lambda: next(left), "cpu", 2)
    assert (found.value, found.quality, found.details["attempts"]) == (3.0, "noisy", 3)


@pytest.mark.usefixtures("calm")
def test_what_has_no_value_is_not_taken_again() -> None:
    left = in_turn(timing(None), timing(1.0))
    (found,) = collected(lambda: next(left), "cpu", 2)
    assert found.value is None
    assert len(list(left)) == 1


@pytest.mark.usefixtures("calm")
def test_a_later_attempt_that_fails_leaves_what_was_measured_before() -> None:
    left = in_turn(timing(1.0, "noisy"))
    (found,) = collected(lambda: next(left, None) or fails(), "cpu", 2)
    assert (found.value, found.quality) == (1.0, "noisy")


def fails() -> tuple[Measurement, ...]:
    raise RuntimeError("gone")


@pytest.mark.usefixtures("calm")
def test_the_cold_first_step_is_that_of_the_first_attempt() -> None:
    first = timing(1.0, "noisy")
    cold = first.model_copy(update={"details": {**first.details, "cold_first_s": 9.0}})
    warm = timing(2.0).model_copy(update={"details": {"cold_first_s": 0.1, "ratio_spread": 0.0}})
    left = in_turn(cold, warm)
    (found,) = collected(lambda: next(left), "cpu", 2)
    assert (found.value, found.details["cold_first_s"]) == (2.0, 9.0)


def test_what_the_machine_did_is_added_to_the_doubts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "judged", lambda before, after: Verdict("noisy", ("noisy: others",), {"a": 1}))
    (found,) = collected(lambda: (timing(1.0),), "cpu", 0)
    assert (found.quality, found.reason, found.warnings) == ("noisy", "noisy: others", ("noisy: others",))
    machine = found.details["machine"]
    assert isinstance(machine, dict)
    assert set(machine) == {"before", "after", "between"}
    assert machine["between"] == {"a": 1}


def test_a_gpu_that_is_held_back_or_shared_taints() -> None:
    assert of_gpu(None).quality == of_gpu(GpuState(foreign_processes=0, throttle_reasons=())).quality == "ok"
    shared = of_gpu(GpuState(foreign_processes=2, throttle_reasons=("hw thermal slowdown",)))
    assert shared.quality == "tainted"
    assert shared.reasons == (
        "tainted: 2 other processes compute on the GPU",
        "tainted: the GPU's clock is held back (hw thermal slowdown)",
    )


@pytest.mark.parametrize(("limit_w", "words"), [(700.0, " of 700 W"), (None, "")])
def test_a_gpu_at_its_power_limit_is_remarked_and_believed(limit_w: float | None, words: str) -> None:
    found = of_gpu(GpuState(throttle_reasons=(POWER_CAP,), power_limit_w=limit_w))
    assert (found.quality, found.reasons) == ("ok", ())
    assert found.remarks == (f"the GPU worked at its power limit{words}: its clock follows what runs on it",)
    hot = of_gpu(GpuState(throttle_reasons=(POWER_CAP, "hardware thermal slowdown")))
    assert hot.reasons == ("tainted: the GPU's clock is held back (hardware thermal slowdown)",)


def test_a_remark_warns_and_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "judged", lambda before, after: Verdict(remarks=("at its limit",)))
    (found,) = collected(lambda: (timing(1.0),), "cpu", 2)
    assert (found.quality, found.reason, found.warnings) == ("ok", None, ("at its limit",))
    assert "attempts" not in found.details
