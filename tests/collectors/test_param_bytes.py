"""Bytes of parameters against a sum by hand."""

from __future__ import annotations

import torch
from conftest import FakeClock
from subjects import subject_of
from torch import nn

from harness.collectors.param_bytes import ParamBytes
from harness.records import Measurement


def collected(net: nn.Module, baseline: nn.Module) -> Measurement:
    (found,) = ParamBytes().collect(subject_of(net, baseline), FakeClock())
    return found


def test_bytes_are_counted_by_precision_beside_the_baseline() -> None:
    mixed = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 5).bfloat16(), nn.BatchNorm1d(4).half())
    found = collected(mixed, nn.Linear(5, 2))
    assert found.value == 4 * 8 + 2 * 15 + 2 * 8
    assert found.details["by_dtype"] == {"float32": 4 * 8, "bfloat16": 2 * 15, "float16": 2 * 8}
    assert (found.details["baseline"], found.details["baseline_by_dtype"]) == (4 * 12, {"float32": 4 * 12})


def test_buffers_are_apart() -> None:
    found = collected(nn.BatchNorm1d(4), nn.BatchNorm1d(4))
    assert found.value == 4 * 8
    assert found.details["buffer_bytes"] == 4 * 8 + 8
    assert found.details["buffers_by_dtype"] == {"float32": 4 * 8, "int64": 8}


def test_a_shared_parameter_counts_once() -> None:
    layer = nn.Linear(3, 3, dtype=torch.float64)
    assert collected(nn.Sequential(layer, layer), layer).value == 8 * 12


def test_half_the_precision_is_half_the_bytes() -> None:
    assert collected(nn.Linear(3, 2).bfloat16(), nn.Linear(3, 2)).value == 2 * 8
