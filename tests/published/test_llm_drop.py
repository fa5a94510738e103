"""The tables of LLM-Drop recompute from themselves (facts 7 and 8 of its sheet), but for what is named here."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from math import isclose

import pytest

from harness.published import Group, Value, publication
from harness.tables.derived import speedup_degradation

TABLES = ("Average of 8 tasks", "Llama-2-70B", "Llama-3, attention")  # averages beside speed-ups
AVERAGES = ("mean_of_8_tasks", "mean_of_4_tasks")
OFF = ("Llama-3-70B", "attention", 40)  # the row whose printed ratio its own numbers contradict
OFF_CACHE = "Llama-2-13B"  # 52 and 26 GB are printed; the formula gives 50 and 25 GiB


def group(words: str) -> Group:
    (found,) = (one for one in publication("llm_drop").groups if words in one.title)
    return found


def averages() -> dict[tuple[str, str | None, int | None], float]:
    """In points."""
    return {key(v): 100 * v.value for title in TABLES for v in group(title).values if v.metric in AVERAGES}


def speedups() -> dict[tuple[str, str | None, int | None], float]:
    return {key(v): v.value for title in TABLES for v in group(title).values if v.metric == "generation_speedup"}


def key(value: Value) -> tuple[str, str | None, int | None]:
    return value.model, value.target, value.count


def bounds(base: float, dropped: float, speedup: float) -> tuple[float, float]:
    """Of the ratio, over all numbers that round to those printed."""
    found = [
        speedup_degradation((base + a - dropped - b) / 100, speedup + c) or 0.0
        for a in (-0.05, 0.05)
        for b in (-0.05, 0.05)
        for c in (-0.005, 0.005)
    ]
    return min(found), max(found)


def recomputes(value: Value) -> bool:
    base = averages()[value.model, None, 0]
    low, high = bounds(base, averages()[key(value)], speedups()[key(value)])
    return low - 0.005 <= value.value <= high + 0.005


def test_fact_7_every_printed_ratio_recomputes_but_one() -> None:
    printed = group("degradation ratio").values
    assert [key(value) for value in printed if not recomputes(value)] == [OFF]
    assert len(printed) == 30


def test_fact_7_the_ratio_that_does_not_is_of_its_own_row() -> None:
    base, dropped = averages()["Llama-3-70B", None, 0], averages()[OFF]
    found = speedup_degradation((base - dropped) / 100, speedups()[OFF])
    assert found == pytest.approx(0.04, abs=0.005)


def test_fact_7_every_average_is_that_of_its_tasks() -> None:
    tasks: dict[tuple[str, int | None], list[Decimal]] = defaultdict(list)
    for value in group("8 tasks one by one").values:
        tasks[value.model, value.count].append(Decimal(str(value.value)) * 100)
    assert {len(held) for held in tasks.values()} == {8}
    for (model, count), held in tasks.items():
        printed = averages()[model, "attention" if count else None, count]
        mean = Fraction(sum(held, Decimal(0))) / 8
        assert abs(mean - Fraction(str(round(printed, 1)))) <= Fraction(1, 20), (model, count)


def test_fact_7_every_printed_cache_is_as_the_formula_says_but_one_models() -> None:
    by_formula = {
        # layers, key-value heads, head size, batch
        "Mistral-7B": (32, 8, 128, 64),
        "Llama-2-13B": (40, 40, 128, 32),
        "Llama-2-70B": (80, 8, 128, 32),
        "Llama-3-8B": (32, 8, 128, 64),
        "Llama-3-70B": (80, 8, 128, 32),
    }
    off = set()
    for value in group("KV cache").values:
        layers, heads, size, batch = by_formula[value.model]
        computed = 2 * (layers - (value.count or 0)) * heads * size * 2 * batch * 2048
        if not isclose(computed, value.value):
            off.add(value.model)
            assert computed == (25 if value.count else 50) << 30
    assert off == {OFF_CACHE}


def test_the_ablation_of_the_residual_contradicts_the_main_table() -> None:
    with_residual = {
        v.count: v.value for v in group("Residual").values if v.note == "with residual" and v.target == "attention"
    }
    selectors = {v.count: v.value for v in group("Selector").values if v.criterion == "similarity" and not v.note}
    assert all(abs(with_residual[count] - selectors[count]) > 0.005 for count in (4, 8, 12))
