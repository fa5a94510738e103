"""The shallowest first."""

from __future__ import annotations

import pytest
from scorings import scoring_of
from torch import nn

from harness.criteria.first import First
from harness.searches.one_shot import OneShot


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
def test_units_go_from_the_front(tiny_net: nn.Module, target: str) -> None:
    scoring = scoring_of(tiny_net, [], target)
    found = OneShot().select(First(), scoring)
    assert found.info.order == tuple(unit.name for unit in scoring.units)
    assert found.info.ties == ()


def test_nothing_is_run(tiny_net: nn.Module) -> None:
    assert not First.needs_calibration
    assert list(First().scores(scoring_of(tiny_net, []))) == [f"blocks.{depth}.attn" for depth in range(3)]
