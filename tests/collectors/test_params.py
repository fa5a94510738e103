"""Parameters against a sum by hand."""

from __future__ import annotations

from conftest import FakeClock
from subjects import subject_of
from torch import nn

from harness.collectors.params import Params


def test_parameters_and_bytes_are_counted_beside_the_baseline() -> None:
    (found,) = Params().collect(subject_of(nn.Linear(3, 2), nn.Linear(5, 2)), FakeClock())
    assert found.value == 3 * 2 + 2
    assert found.details["bytes"] == 4 * 8
    assert found.details["baseline"] == 5 * 2 + 2


def test_a_shared_parameter_counts_once() -> None:
    layer = nn.Linear(3, 3)
    (found,) = Params().collect(subject_of(nn.Sequential(layer, layer), layer), FakeClock())
    assert found.value == 12


def test_buffers_are_apart() -> None:
    norm = nn.BatchNorm1d(4)
    (found,) = Params().collect(subject_of(norm, norm), FakeClock())
    assert found.value == 8
    assert found.details["buffer_bytes"] == 4 * 4 + 4 * 4 + 8
