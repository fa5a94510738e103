"""The answer says how few hidden units fire, and where."""

from __future__ import annotations

from dataclasses import replace

from harness.report.hidden_units import activity_words
from harness.tables.activity import Active

MLPS = ("blocks.0.mlp", "blocks.1.mlp", "blocks.2.mlp")
PLAIN = Active("vit", "digits", "none", "none", MLPS, ((0.3, 0.1, 0.2), (0.4, 0.2, 0.3)))


def test_networks_as_trained_are_told_with_their_spread_and_a_budget_is_not() -> None:
    told = activity_words((PLAIN, replace(PLAIN, transform="top_2")))
    assert "are 25.0 ± 7.1 % in vit." in told
    assert "top_2" not in told
    assert told.endswith("in blocks.1.mlp (15.0 %), the most in blocks.0.mlp (35.0 %).")


def test_two_mlps_have_no_middle_and_without_counts_nothing_is_said() -> None:
    assert "the most in" not in activity_words([replace(PLAIN, mlps=MLPS[:2], shares=((0.1, 0.2),))])
    assert activity_words(()) == ""
