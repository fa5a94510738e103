"""Grammar that sentences share."""

from __future__ import annotations

from harness.wording import counted


def test_a_count_agrees_with_its_noun() -> None:
    assert [counted(n, "trial") for n in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]
