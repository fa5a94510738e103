"""The speedup degradation ratio against the published tables of LLM-Drop, section 5.1 of the paper's numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from harness.tables.derived import speedup_degradation

# (average of the baseline, rows of average, speedup and gamma as printed), accuracies in points.
LLAMA_13B = ("68.2", ["65.8/1.11/0.22", "60.7/1.24/0.31", "66.9/1.04/0.32", "61.9/1.08/0.79", "68.5/1.05/-0.05"])
LLAMA_13B_DEEP = ("68.2", ["68.1/1.13/0.01", "66.1/1.29/0.07", "64.9/1.40/0.08"])
MISTRAL_BLOCKS = ("70.3", ["67.1/1.14/0.23", "58.6/1.32/0.37", "66.9/1.03/1.13", "53.4/1.06/2.82"])
MISTRAL_ATTENTION = ("70.3", ["69.9/1.10/0.04", "69.8/1.23/0.02", "67.3/1.40/0.08"])
LLAMA_70B_BLOCKS = ("73.9", ["71.0/1.07/0.41", "67.7/1.14/0.44", "54.4/1.30/0.65", "49.3/1.67/0.37"])
LLAMA_70B_MLP = ("73.9", ["73.2/1.04/0.18", "72.5/1.05/0.28", "65.9/1.08/1.00", "55.7/1.17/1.07"])
LLAMA_70B_ATTENTION = (
    "73.9",
    ["73.8/1.06/0.02", "73.7/1.12/0.02", "73.8/1.21/0.00", "73.8/1.35/0.00", "71.5/1.48/0.05", "66.9/1.62/0.11"],
)
TABLES = [
    LLAMA_13B,
    LLAMA_13B_DEEP,
    MISTRAL_BLOCKS,
    MISTRAL_ATTENTION,
    LLAMA_70B_BLOCKS,
    LLAMA_70B_MLP,
    LLAMA_70B_ATTENTION,
]
ROWS = [(base, row) for base, rows in TABLES for row in rows]
# ARC-C, BoolQ, HellaSwag, MMLU, OBQA, PIQA, RTE, WinoGrande, and the average as printed.
TASKS = [
    ("59.9 80.7 82.2 55.1 45.6 80.5 65.0 77.0", "68.2"),
    ("58.2 80.5 82.2 54.5 47.0 80.5 64.3 77.4", "68.1"),
    ("61.5 83.7 83.2 62.5 43.8 82.0 66.8 78.5", "70.3"),
    ("61.0 83.5 82.9 62.5 44.6 82.0 64.6 78.0", "69.9"),
    ("60.2 82.7 82.3 62.2 44.2 81.3 66.8 78.8", "69.8"),
    ("57.2 76.8 80.2 59.4 41.8 79.1 66.1 77.7", "67.3"),
]


def recomputes(base: str, row: str) -> bool:
    """Whether the gamma that a row prints can come of numbers that round to those printed beside it."""
    dropped, speedup, printed = (float(number) for number in row.split("/"))
    found = [
        speedup_degradation((float(base) + a - dropped - b) / 100, speedup + c) or 0.0
        for a in (-0.05, 0.05)
        for b in (-0.05, 0.05)
        for c in (-0.005, 0.005)
    ]
    return min(found) - 0.005 <= printed <= max(found) + 0.005


def gamma(base: str, dropped: str, speedup: str) -> float:
    found = speedup_degradation((float(base) - float(dropped)) / 100, float(speedup))
    assert found is not None
    return found


@pytest.mark.parametrize(("base", "row"), ROWS)
def test_fact_7_gamma_recomputes_to_rounding(base: str, row: str) -> None:
    assert recomputes(base, row)


def test_fact_7_the_row_that_does_not_recompute_is_the_named_one() -> None:
    assert not recomputes("75.1", "73.3/1.43/0.00")  # Llama-3-70B Attn-40
    assert round(gamma("75.1", "73.3", "1.43"), 2) == 0.04


@pytest.mark.parametrize(("tasks", "printed"), TASKS, ids=[printed for _, printed in TASKS])
def test_fact_7_averages_recompute_to_rounding(tasks: str, printed: str) -> None:
    values = [Decimal(value) for value in tasks.split()]
    assert abs(sum(values, Decimal(0)) / len(values) - Decimal(printed)) <= Decimal("0.05")


def test_a_rise_of_accuracy_is_negative() -> None:
    assert gamma("68.2", "68.5", "1.05") < 0


@pytest.mark.parametrize("speedup", [1.0, 0.9])
def test_no_speedup_has_no_ratio(speedup: float) -> None:
    assert speedup_degradation(0.1, speedup) is None
