"""The moving average of weights."""

from __future__ import annotations

import torch
from torch import nn

from harness.training.averaging import Average


def test_an_average_forgets_its_beginning_by_its_decay() -> None:
    net = nn.Linear(1, 1, bias=False)
    values = [1.0, 2.0, -1.0, 0.5]
    with torch.no_grad():
        net.weight.fill_(values[0])
    average, expected = Average(net, 0.8), values[0]
    for value in values[1:]:
        with torch.no_grad():
            net.weight.fill_(value)
        average.update()
        expected = 0.8 * expected + 0.2 * value
    average.put()
    torch.testing.assert_close(net.weight.detach(), torch.tensor([[expected]]))


def test_what_is_frozen_and_buffers_are_left_as_they_are() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    net[0].requires_grad_(False)
    average = Average(net, 0.5)
    assert set(average.tensors) == {"1.weight", "1.bias"}
