"""What goes with a sublayer, counted, against formulas by hand for a network of three small blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import FakeClock
from singled import singles
from subjects import subject_of
from torch import nn

from harness.collectors.sublayer_counts import SublayerCounts
from harness.records import Measurement

TOKENS, WIDTH, FLOAT = 17, 32, 4


def counted(net: nn.Module) -> dict[str, Measurement]:
    subject = replace(subject_of(net, net), singles=singles(net))
    return {m.metric: m for m in SublayerCounts().collect(subject, FakeClock())}


def of(net: nn.Module, metric: str) -> dict[str, float]:
    return counted(net)[metric].by_sublayer or {}


def test_macs_are_those_of_the_maps_and_products(tiny_net: nn.Module) -> None:
    found = of(tiny_net, "sublayer_macs")
    assert found["blocks.0.attn"] == 4 * TOKENS * WIDTH**2 + 2 * TOKENS**2 * WIDTH
    assert found["blocks.2.mlp"] == 8 * TOKENS * WIDTH**2


def test_parameters_are_those_of_the_maps_and_the_norm(tiny_net: nn.Module) -> None:
    found = of(tiny_net, "sublayer_params")
    assert found["blocks.0.attn"] == 4 * WIDTH**2 + 4 * WIDTH + 2 * WIDTH
    assert found["blocks.0.mlp"] == 8 * WIDTH**2 + 5 * WIDTH + 2 * WIDTH


def test_activations_are_the_tensors_between_modules(tiny_net: nn.Module) -> None:
    found = of(tiny_net, "sublayer_activation_bytes")
    stream = TOKENS * WIDTH * FLOAT
    # Norm, queries with keys and values, what the heads give, projection, sum; norm, both sides of the GELU, map, sum.
    assert found["blocks.1.attn"] == (1 + 3 + 1 + 1 + 1) * stream
    assert found["blocks.1.mlp"] == (1 + 4 + 4 + 1 + 1) * stream


def test_the_value_is_the_whole_networks(tiny_net: nn.Module) -> None:
    found = counted(tiny_net)
    assert found["sublayer_params"].value == sum(parameter.numel() for parameter in tiny_net.parameters())
    for measurement in found.values():
        assert sum((measurement.by_sublayer or {}).values()) < (measurement.value or 0)
        assert measurement.kind == "exact"


@pytest.mark.parametrize("metric", ["sublayer_macs", "sublayer_activation_bytes"])
def test_half_precision_halves_bytes_and_nothing_else(tiny_net: nn.Module, metric: str) -> None:
    full = of(tiny_net, metric)["blocks.0.mlp"]
    net = tiny_net.bfloat16()
    made = subject_of(net, net).example

    def cast(items: int):  # type: ignore[no-untyped-def]  # a batch, as `example` gives it
        batch = made(items)
        return replace(batch, inputs=batch.inputs.bfloat16())

    subject = replace(subject_of(net, net, cast), singles=singles(net))
    held = {m.metric: m.by_sublayer or {} for m in SublayerCounts().collect(subject, FakeClock())}
    assert held[metric]["blocks.0.mlp"] == (full / 2 if metric.endswith("bytes") else full)


def test_without_sublayers_all_is_null_and_says_so(tiny_net: nn.Module) -> None:
    found = SublayerCounts().collect(subject_of(tiny_net, tiny_net), FakeClock())
    assert [m.value for m in found] == [None] * 3
    assert all((m.reason or "").startswith("no_sublayers") for m in found)
