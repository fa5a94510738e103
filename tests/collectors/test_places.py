"""Weights that are moved: elsewhere, with the same values, and the same to all who hold them."""

from __future__ import annotations

import copy

import pytest
import torch
from conftest import FakeClock
from subjects import example, subject_of
from torch import nn

from harness.collectors.latency import Latency
from harness.collectors.places import move_weights
from harness.collectors.singles import twin


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Linear(32, 10)).eval()


def places(net: nn.Module) -> list[int]:
    return [tensor.data_ptr() for tensor in (*net.parameters(), *net.buffers())]


def test_every_tensor_lies_elsewhere_and_outputs_are_the_same_bits() -> None:
    net, inputs = network(), example(3).inputs
    before, outputs = places(net), net(inputs)
    held = [tensor.data for tensor in (*net.parameters(), *net.buffers())]  # so that no place is used again
    with torch.inference_mode():
        move_weights(net, turn=1)
    assert not set(before) & set(places(net))
    assert torch.equal(net(inputs), outputs)
    assert len(held) == len(before)


def test_moved_weights_can_still_be_trained() -> None:
    net = network().train()
    with torch.inference_mode():
        move_weights(net, turn=1)
    net(example(3).inputs).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_networks_that_share_weights_go_on_sharing_them() -> None:
    net = network()
    other = twin(net)
    move_weights(net, turn=1)
    assert places(other) == places(net)


def test_the_layout_stays() -> None:
    net = nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)
    strides = net.weight.stride()
    move_weights(net, turn=1)
    assert net.weight.stride() == strides


@pytest.mark.parametrize(("rounds", "turns"), [(1, []), (3, [1, 2])])
def test_in_every_round_but_the_first_weights_are_moved(
    rounds: int, turns: list[int], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[tuple[tuple[nn.Module, ...], int]] = []
    monkeypatch.setattr("harness.collectors.pairs.move_weights", lambda *nets, turn: moved.append((nets, turn)))
    net = network()
    subject = subject_of(net, copy.deepcopy(net))
    Latency(warmup=1, rounds=rounds, pairs=2, warmup_limit_s=0.01).collect(subject, clock)
    assert moved == [((subject.candidate, subject.baseline), turn) for turn in turns]
