"""The arithmetic of `splits`: who takes how many items of what, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from harness.datasets.base import datasets
from harness.datasets.splits import Share, Splits, Take, takes
from harness.errors import DataError, SpecError

SHARES: TypeAdapter[dict[str, Share]] = TypeAdapter(Splits)
TWO = {"train": 1000, "test": 200}


def found(sizes: dict[str, int], **splits: Any) -> dict[str, Take]:
    return takes(sizes, SHARES.validate_python(splits), "data")


def refusal(sizes: dict[str, int], **splits: Any) -> str:
    with pytest.raises(DataError) as caught:
        found(sizes, **splits)
    return str(caught.value)


def test_missing_parts_are_carved_from_train() -> None:
    assert found(TWO) == {
        "train": Take("train", 800),
        "calibration": Take("train", 100),
        "validation": Take("train", 100),
        "test": Take("test", 200),
    }


def test_classes_alone_are_carved_into_four() -> None:
    assert {part: take.items for part, take in found({"train": 1000}).items()} == {
        "train": 600,
        "calibration": 100,
        "validation": 100,
        "test": 200,
    }


def test_default_shares_of_large_data_are_bounded() -> None:
    taken = found({"train": 1_000_000})
    assert [taken[part].items for part in ("calibration", "validation", "test")] == [1024, 5000, 10_000]


def test_without_train_the_missing_parts_come_from_validation() -> None:
    taken = found({"validation": 1000, "test": 100})
    assert {take.source for part, take in taken.items() if part != "test"} == {"validation"}
    assert sum(take.items for take in taken.values()) == 1100


def test_every_form_of_a_share_is_understood() -> None:
    taken = found(TWO, calibration={"from": "train", "items": 64}, validation=50, test="all")
    assert (taken["calibration"], taken["validation"]) == (Take("train", 64), Take("train", 50))
    assert (taken["test"], taken["train"]) == (Take("test", 200), Take("train", 886))


def test_a_bare_number_is_taken_from_the_part_itself_where_it_is_given() -> None:
    assert found({**TWO, "validation": 90}, validation=50)["validation"] == Take("validation", 50)


def test_order_of_asking_does_not_matter() -> None:
    assert found(TWO, calibration=9, validation=8) == found(TWO, validation=8, calibration=9)


@pytest.mark.parametrize(
    ("splits", "sentence"),
    [
        (
            {"train": 990, "calibration": 6, "validation": 7},
            "splits: data: the parts ask for 1,003 items of train, which has 1,000: "
            "train 990, calibration 6, validation 7",
        ),
        ({"test": 201}, "splits: data: the parts ask for 201 items of test, which has 200: test 201"),
        (
            {"calibration": 400, "validation": 600},
            "splits: data: nothing is left for train, which has 1,000 items: "
            "calibration takes 400, validation takes 600",
        ),
        (
            {"test": "all", "validation": {"from": "test", "items": 5}},
            "splits.test: data: asks for all of test, but validation takes 5 of it; "
            "leave test out to give it what is left",
        ),
        (
            {"validation": "all"},
            "splits.validation: data: asks for all of validation, which the data does not have; known: train, test",
        ),
        (
            {"test": {"from": "calibration", "items": 5}},
            "splits.test: data: takes from calibration, which the data does not have; known: train, test",
        ),
    ],
)
def test_more_than_there_is_or_overlapping_is_refused(splits: dict[str, Any], sentence: str) -> None:
    assert refusal(TWO, **splits) == sentence


@pytest.mark.parametrize(
    ("splits", "sentence"),
    [
        ({"val": 5}, "data.splits: unknown part 'val'; known: calibration, test, train, validation"),
        (
            {"test": {"from": "tests", "items": 5}},
            "data.splits: unknown part 'tests'; did you mean 'test'? known: calibration, test, train, validation",
        ),
        ({"test": 0}, "data.splits: test must be all, a number of items from 1, or {from: PART, items: N}"),
        ({"test": True}, "data.splits: test must be all, a number of items from 1, or {from: PART, items: N}"),
        ({"test": {"items": 5}}, "data.splits: test must be all, a number of items from 1, or {from: PART, items: N}"),
        ([5], "data.splits: must map parts to all, a number of items, or {from: PART, items: N}"),
    ],
)
def test_what_is_no_share_is_refused_before_any_run(splits: Any, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        datasets.create({"name": "digits", "splits": splits}, "data")
    assert str(caught.value) == sentence


def test_identity_holds_shares_as_they_are_written() -> None:
    written: dict[str, Any] = {"calibration": {"from": "train", "items": 5}, "validation": 5, "test": "all"}
    assert datasets.create({"name": "digits", "splits": written}).identity()["splits"] == written
