"""What the tests of single checkpoints say in a sentence: how many differ, the smallest, and what was possible."""

from __future__ import annotations

from dataclasses import replace

from harness.report.checkpoints import checkpoint_words
from harness.resampling import mcnemar_detectable
from harness.tables.checkpoints import ALPHA, BASELINE, CheckpointTest

TEST = CheckpointTest(
    panel="vit, attention",
    unit="vit/digits/0",
    level=2.0,
    first="entropy",
    second=BASELINE,
    draw=None,
    trial="a",
    items=1000,
    only_first=5,
    only_second=45,
    verdicts="a",
    adjusted=0.001,
    family=3,
)
SAME = replace(TEST, only_first=12, only_second=14, adjusted=1.0, verdicts="b")
GAIN = replace(TEST, only_first=30, only_second=4, adjusted=0.002, verdicts="c")


def test_how_many_differ_and_the_smallest_are_told() -> None:
    text = checkpoint_words((TEST, SAME, GAIN))
    assert "2 of 3 with something removed differ from their own baseline" in text
    assert "adjusted by Holm's method for all 3 tests of single checkpoints in the study" in text
    assert ", 1 of them for the better; the smallest difference shown is 2.6 points" in text


def test_what_the_others_could_have_shown_is_told() -> None:
    possible = mcnemar_detectable(26, 1000, ALPHA / 3)
    assert possible is not None
    assert f"half could have shown one of {100 * possible:.1f} points with 80 % power" in checkpoint_words((TEST, SAME))


def test_no_difference_is_no_proof_of_equality() -> None:
    text = checkpoint_words((SAME,))
    assert "0 of 1" in text
    assert "that is no proof that they are the same" in text


def test_of_too_few_differing_items_it_is_said_that_nothing_could_be_shown() -> None:
    few = replace(SAME, only_first=1, only_second=1)
    assert checkpoint_words((few,)).endswith(", and the others differ in too few items for any difference to be shown.")


def test_criterion_against_criterion_is_left_to_its_table() -> None:
    assert checkpoint_words((replace(TEST, second="similarity"),)) == ""
    assert checkpoint_words(()) == ""


def test_where_most_of_the_others_can_show_nothing_that_is_told() -> None:
    few = [replace(TEST, only_first=1, only_second=1, adjusted=1.0, verdicts=str(number)) for number in range(3)]
    assert "most of the others differ in too few items" in checkpoint_words((TEST, SAME, *few))
