"""Batches dealt to several devices: every item once, in order, with the outputs of one device."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from harness.runtimes import DEFAULT
from harness.stages.replicas import Replicas
from harness.tasks.base import Batch
from harness.tasks.classification import Classification

ITEMS = torch.randn(23, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def batches(size: int) -> list[tuple[int, Batch]]:
    """The last one is as short as it comes."""
    return [(n, Batch(part, torch.zeros(len(part)))) for n, part in enumerate(torch.split(ITEMS, size))]


class Watching(Classification):
    """Notes which network ran which items."""

    def __init__(self) -> None:
        self.ran: list[tuple[int, Tensor]] = []

    def forward(self, net: nn.Module, batch: Batch) -> Tensor:
        self.ran.append((id(net), batch.inputs))
        return super().forward(net, batch)


@pytest.mark.parametrize("devices", [1, 2, 3, 4])
def test_every_item_is_counted_once_and_in_order(tiny_net: nn.Module, devices: int) -> None:
    task = Watching()
    replicas = Replicas(tiny_net, ["cpu"] * devices, task, DEFAULT)
    with torch.inference_mode():
        found = list(replicas.outputs(batches(5)))
        expected = torch.cat([tiny_net(part) for part in torch.split(ITEMS, 5)])
    assert [told for told, _, _ in found] == [0, 1, 2, 3, 4]
    assert torch.equal(torch.cat([batch.inputs for _, batch, _ in found]), ITEMS)
    assert torch.equal(torch.cat([outputs for _, _, outputs in found]), expected)
    assert torch.equal(torch.cat([inputs for _, inputs in task.ran]), ITEMS)  # none padded, none twice


def test_each_device_has_a_network_of_its_own(tiny_net: nn.Module) -> None:
    task = Watching()
    list(Replicas(tiny_net, ["cpu", "cpu"], task, DEFAULT).outputs(batches(5)))
    one, two = (
        {net for net, _ in task.ran[0::2]},
        {net for net, _ in task.ran[1::2]},
    )
    assert len(one) == len(two) == 1
    assert one != two
