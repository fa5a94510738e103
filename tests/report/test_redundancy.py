"""The questions of layer dropping are answered where a study has data for them, with what the tests allow."""

from __future__ import annotations

import pytest
from builders import elsewhere, index_of, records_of
from novels import ADDED, MLP_COSTS, PLAN, seen

from harness.report.comparisons import others
from harness.report.redundancy import redundancy
from harness.report.view import View, view_of
from harness.store import Reading


def told(view: View) -> dict[str, str]:
    """The answers by the question that each begins with."""
    return {text.partition("?")[0]: text for text in redundancy(view, others(view))}


def test_kinds_are_compared_network_by_network_at_equal_counts() -> None:
    answer = told(seen())["Are attention sublayers more redundant than MLPs"]
    lost = 1.5 * ADDED["similarity"]  # over counts of 1 and 2
    assert f"attention sublayers add {lost:.3f} and MLPs {MLP_COSTS * lost:.3f} bits per byte" in answer
    assert "sign-flip p = 0.031; 6 networks). So at equal counts attention is more redundant than MLPs here." in answer


def test_equal_counts_are_said_to_save_unequally() -> None:
    answer = told(seen())["Are attention sublayers more redundant than MLPs"]
    assert "Equal counts are unequal savings of MACs: attention 3.8 %, at 0.0080 for each per cent and MLPs" in answer


def test_a_pattern_unlike_that_of_the_paper_is_said_to_be_one() -> None:
    cheap = told(seen(mlp_costs=0.2, publication="llm_drop"))["Are attention sublayers more redundant than MLPs"]
    assert "So at equal counts MLPs are more redundant than attention here; LLM-Drop finds attention" in cheap
    assert "need not behave as those do" in cheap


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_few_networks_claim_nothing(seeds: tuple[int, ...]) -> None:
    answer = told(seen(elsewhere(PLAN, seeds=seeds)))["Are attention sublayers more redundant than MLPs"]
    assert "No claim is made: with" in answer


def test_depths_are_shares_of_the_way_through_the_network() -> None:
    view = seen()
    rows = view.outcomes[0].trials("similarity", 1)
    mean = sum(int(depth) for depth in rows["depths"]) / 7 / len(rows)
    assert f"lie at a mean depth of {mean:.2f} [" in told(view)["Which depth goes first"]


def test_variants_that_differ_in_one_thing_answer_for_it() -> None:
    answers = told(seen())
    assert answers["One-shot or iterative"].startswith(
        "One-shot or iterative? similarity adds less than iterative by 0.015"
    )
    assert "similarity adds less than no_residual by 0.12" in answers["Does the residual matter"]
    assert "none of it is shown after correction" in answers["Does the residual matter"]


def test_a_study_without_the_data_is_silent() -> None:
    plan = elsewhere(PLAN, criteria=("entropy", "similarity"), contrast=("entropy", "similarity"))
    assert told(view_of(index_of(plan), Reading(records_of(plan), ()))) == {}
