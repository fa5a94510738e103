"""What the tests of single checkpoints against their baselines say together."""

from __future__ import annotations

from collections.abc import Sequence

from harness.tables.cells import number
from harness.tables.checkpoints import CheckpointTest, median_detectable
from harness.tables.verdicts import adjustment


def checkpoint_words(tests: Sequence[CheckpointTest]) -> str:
    """What the tests against baselines say together; empty without any."""
    own = [test for test in tests if test.is_of_baseline]
    if not own:
        return ""
    shown = [test for test in own if test.is_difference]
    losses = [test for test in shown if test.difference < 0]
    head = (
        f"Checkpoint by checkpoint, {len(shown)} of {len(own)} with something removed differ from their own baseline "
        f"(McNemar's exact test on the same test items, {adjustment(own[0].family)})"
    )
    if not shown:
        return f"{head}; that is no proof that they are the same{_could(own)}."
    least = number(100 * min(abs(test.difference) for test in shown))
    gains = "" if len(losses) == len(shown) else f", {len(shown) - len(losses)} of them for the better"
    return f"{head}{gains}; the smallest difference shown is {least} points{_could(own)}."


def _could(own: Sequence[CheckpointTest]) -> str:
    """What the others could have shown."""
    rest = [test for test in own if not test.is_difference]
    if not rest:
        return ""
    half = median_detectable(rest)
    if half is None:
        whom = "the others" if all(test.detectable is None for test in rest) else "most of the others"
        return f", and {whom} differ in too few items for any difference to be shown"
    return f"; of the others half could have shown one of {number(100 * half)} points with 80 % power"
