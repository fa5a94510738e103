"""The speedup degradation ratio; LLM-Drop's own tables are in tests/published."""

from __future__ import annotations

import pytest

from harness.tables.derived import speedup_degradation


def gamma(base: str, dropped: str, speedup: str) -> float:
    found = speedup_degradation((float(base) - float(dropped)) / 100, float(speedup))
    assert found is not None
    return found


def test_points_and_per_cent_cancel() -> None:
    assert gamma("68.2", "65.8", "1.11") == pytest.approx(2.4 / 11)


def test_a_rise_of_accuracy_is_negative() -> None:
    assert gamma("68.2", "68.5", "1.05") < 0


@pytest.mark.parametrize("speedup", [1.0, 0.9])
def test_no_speedup_has_no_ratio(speedup: float) -> None:
    assert speedup_degradation(0.1, speedup) is None
