"""The limits of a recommendation: every word is known to the tables, and a wrong one is told with the right one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.bounds import LEAST, Bounds
from harness.schema import problems_of
from harness.spec import ReportOptions
from harness.tables.limits import WORDS


def sentence(**limits: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Bounds.model_validate(limits)
    return str(problems_of(caught.value, Bounds)[0])


def test_only_what_is_stated_is_written_down() -> None:
    stated = {"top1_drop": 0.01, "latency_ratio": 0.9}
    assert Bounds.model_validate(stated).given == stated
    assert ReportOptions.model_validate({"recommend": stated}).model_dump()["recommend"] == (stated,)


def test_an_unknown_word_is_told_with_the_nearest_one() -> None:
    assert sentence(top1_drp=0.01).startswith("top1_drp: no such field; did you mean 'top1_drop'?")


@pytest.mark.parametrize("limits", [{}, {"top1_drop": 1}, {"macs_ratio": 0}, {"speedup": "fast"}])
def test_a_limit_that_says_nothing_is_an_error(limits: dict[str, object]) -> None:
    assert sentence(**limits)


def test_every_limit_has_words_and_a_direction() -> None:
    fields = Bounds.model_fields
    assert list(fields) == list(WORDS)
    told = {name: str(field.description).partition(":")[0] for name, field in fields.items()}
    assert {name for name, way in told.items() if way == "at least"} == set(LEAST)
    assert set(told.values()) == {"at least", "at most"}
