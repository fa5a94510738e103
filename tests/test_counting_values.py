"""Who reads a value is named, and what a condition or a loop runs is what is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import torch
from reading import X
from torch import Tensor, nn
from torch._higher_order_ops import scan, while_loop

from harness.counting import count_macs


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (lambda x: x if x.sum() > 0 else -x, "aten._local_scalar_dense"),
        (lambda x: x[:, x[0] > 0], "aten.index"),
        (lambda x: x[:, (x[0] > 0).nonzero().flatten()], "aten.nonzero"),
        (lambda x: x * max(x.flatten().tolist()), "Tensor.tolist"),
        (lambda x: x * float(x.numpy().max()), "Tensor.numpy"),
    ],
)
def test_who_read_a_value_is_named(read: Callable[[Tensor], Tensor], name: str) -> None:
    class Looking(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return read(x)

    assert count_macs(Looking(), torch.randn(2, 8)).read_by == (name,)


def test_a_constant_that_is_no_buffer_is_no_value_that_was_read() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.shift = nn.Linear(8, 6), torch.ones(6)

        def forward(self, x: Tensor) -> Tensor:
            return cast(Tensor, self.linear(x)) + self.shift

    count = count_macs(Shifted(), torch.randn(2, 8))
    assert (count.total, count.read_by) == (2 * 8 * 6, ())


def test_a_static_network_reads_nothing(tiny_net: nn.Module) -> None:
    assert count_macs(tiny_net, X).read_by == ()


def test_a_condition_of_torch_counts_the_branch_that_ran() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.short, self.long = nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))

        def forward(self, x: Tensor) -> Tensor:
            return cast(Tensor, torch.cond(x.sum() > 0, self.short.forward, self.long.forward, (x,)))

    counts = [count_macs(Early(), sign * torch.ones(2, 8)) for sign in (1, -1)]
    assert [count.total for count in counts] == [2 * 64, 2 * 128]
    assert all("aten._local_scalar_dense" in count.read_by for count in counts)


def test_a_loop_of_torch_counts_as_often_as_it_runs() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            def step(turn: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
                return turn - 1, self.linear(y)

            _, found = while_loop(lambda turn, _: turn > 0, step, (x[0, 0].int(), x))  # type: ignore[no-untyped-call]
            return cast(Tensor, found)

    assert [count_macs(Again(), turns * torch.ones(2, 8)).total for turns in (0, 3)] == [0, 3 * 128]


def test_what_runs_python_unwatched_is_named() -> None:
    class Summing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return cast(Tensor, scan(lambda total, row: (total @ row, total + 1), x[0], x)[0])

    assert count_macs(Summing(), torch.ones(3, 4, 4)).uncounted == ("scan",)
