"""Experts run on the rows that are routed to them, and on nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from harness.architectures.experts import routed

SEED = torch.Generator().manual_seed(0)
ROWS = torch.randn(11, 6, generator=SEED)
CHOSEN = torch.tensor([2, 0, 2, 2, 0, 3, 3, 0, 2, 3, 0])  # nothing for the second


@pytest.fixture(scope="module")
def experts() -> nn.ModuleList:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.ModuleList(nn.Linear(6, 6) for _ in range(4))


def one_by_one(experts: nn.ModuleList, rows: Tensor, chosen: Tensor) -> Tensor:
    return torch.stack([experts[int(number)](row) for row, number in zip(rows, chosen, strict=True)])


def test_every_row_goes_through_its_expert(experts: nn.ModuleList) -> None:
    torch.testing.assert_close(routed(ROWS, CHOSEN, experts), one_by_one(experts, ROWS, CHOSEN))


def test_rows_may_have_more_axes(experts: nn.ModuleList) -> None:
    rows = ROWS[:, None].expand(-1, 3, -1)
    torch.testing.assert_close(routed(rows, CHOSEN, experts)[:, 1], one_by_one(experts, ROWS, CHOSEN))


def test_an_expert_without_rows_is_not_run_and_the_others_see_their_own_alone(experts: nn.ModuleList) -> None:
    seen: dict[int, int] = {}
    hooks = [
        expert.register_forward_pre_hook(lambda _, given, at=at: seen.update({at: len(given[0])}))
        for at, expert in enumerate(experts)
    ]
    routed(ROWS, CHOSEN, experts)
    for hook in hooks:
        hook.remove()
    assert seen == {0: 4, 2: 4, 3: 3}


def test_gradients_are_those_of_rows_one_by_one(experts: nn.ModuleList) -> None:
    found, expected = (ROWS.clone().requires_grad_() for _ in range(2))
    torch.autograd.backward(routed(found, CHOSEN, experts).square().sum())
    weights = [expert.weight.grad for expert in experts]
    experts.zero_grad()
    torch.autograd.backward(one_by_one(experts, expected, CHOSEN).square().sum())
    torch.testing.assert_close(found.grad, expected.grad)
    assert weights[1] is None
    for at in (0, 2, 3):
        torch.testing.assert_close(weights[at], experts[at].weight.grad)


def test_without_values_rows_are_dealt_evenly(experts: nn.ModuleList) -> None:
    shell = nn.ModuleList(nn.Linear(6, 6, device="meta") for _ in range(4))
    seen: list[int] = []
    for expert in shell:
        expert.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    assert routed(ROWS.to("meta"), CHOSEN.to("meta"), shell).shape == (11, 6)
    assert seen == [3, 3, 3, 2]
