"""Problems in words: where, what, and what would be right."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError, Problem, suggestion, unknown


def test_a_problem_says_where_and_what() -> None:
    problem = Problem("name", "is required").under("criteria.0").in_file("a.yaml")
    assert str(problem) == "a.yaml: criteria.0.name: is required"
    assert str(Problem("", "is empty").in_file("a.yaml")) == "a.yaml: is empty"
    assert str(Problem("", "is empty")) == "is empty"


def test_an_unknown_name_comes_with_the_nearest_known_one() -> None:
    assert unknown("criterion", "entrpy", ["last", "entropy"], "criteria.0.name").message == (
        "unknown criterion 'entrpy'; did you mean 'entropy'? known: entropy, last"
    )


@pytest.mark.parametrize(
    ("known", "expected"), [([], "known: none"), (["zebra"], "known: zebra"), ("abcdefghijklmn", "known: a, b, ")]
)
def test_without_a_near_name_the_known_ones_are_listed_and_never_too_many(known: list[str], expected: str) -> None:
    found = suggestion("1", known)
    assert found.startswith(expected)
    assert found.endswith("...") == (len(known) > 12)


def test_an_error_is_its_problems_one_a_line() -> None:
    error = HarnessError(Problem(str(n), "is wrong") for n in range(2))
    assert str(error) == "0: is wrong\n1: is wrong"
    assert HarnessError("all is wrong").problems == (Problem("", "all is wrong"),)
