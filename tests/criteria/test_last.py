"""The positional control."""

from __future__ import annotations

import pytest
from scorings import scoring_of
from torch import nn

from harness.criteria.last import Last
from harness.searches.one_shot import OneShot


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
def test_the_deepest_unit_goes_first(tiny_net: nn.Module, target: str) -> None:
    scoring = scoring_of(tiny_net, [], target)
    order = OneShot().select(Last(), scoring).info.order
    assert order == tuple(unit.name for unit in reversed(scoring.units))
