"""Sublayers that are parts of others, and steps that nothing is added to: what goes with what, and what is left."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.families.base import Branch, Family, Layout, Sublayer, class_name, emptied, outermost, units
from harness.streams import tapped
from harness.surgery import masked, remove
from harness.training.fading import Fading


class Mixer(nn.Module):
    """Twice x, with a part that adds to it, then a step of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.part, self.step = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.step(2 * x + self.part(x))
        return y


class Pair(nn.Module):
    """A mixer and an MLP, each added to the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.mixer, self.mlp = Mixer(), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(x)
        y: Tensor = x + self.mlp(x)
        return y


LAYOUT = Layout(
    (
        Branch("token_mixer", "mixer", ("mixer",)),
        Branch("part", "mixer.part", ("mixer.part",), within="mixer"),
        Branch("step", "mixer.step", ("mixer.step",), within="mixer", hands_on=True),
        Branch("mlp", "mlp", ("mlp",)),
    )
)


@pytest.fixture
def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(Pair(), Pair())


@pytest.fixture
def sublayers(net: Any) -> tuple[Sublayer, ...]:
    family = Family("pairs", (class_name(net),), {class_name(net[0]): LAYOUT})
    return family.sublayers(net)


def named(sublayers: tuple[Sublayer, ...], *names: str) -> tuple[Sublayer, ...]:
    return tuple(sublayer for sublayer in sublayers if sublayer.name in names)


X = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))


def test_parts_are_offered_as_kinds_of_their_own(sublayers: tuple[Sublayer, ...]) -> None:
    assert [s.name for s in sublayers[:4]] == ["0.mixer", "0.mixer.part", "0.mixer.step", "0.mlp"]
    assert [unit.name for unit in units(sublayers, "step")] == ["0.mixer.step", "1.mixer.step"]


def test_a_block_is_made_of_what_is_no_part(sublayers: tuple[Sublayer, ...]) -> None:
    first, _ = units(sublayers, "block")
    assert [s.name for s in first.sublayers] == ["0.mixer", "0.mlp"]
    assert first.sublayers[0].frame.is_whole


def test_a_part_that_is_gone_adds_nothing(net: Any, sublayers: tuple[Sublayer, ...]) -> None:
    found = remove(net[:1], named(sublayers, "0.mixer.part"), "skip")(X)
    expected = X + net[0].mixer.step(2 * X)
    torch.testing.assert_close(found, expected + net[0].mlp(expected))


def test_a_step_that_is_gone_hands_on_what_it_is_given(net: Any, sublayers: tuple[Sublayer, ...]) -> None:
    found = remove(net[:1], named(sublayers, "0.mixer.step"), "skip")(X)
    expected = X + 2 * X + net[0].mixer.part(X)
    torch.testing.assert_close(found, expected + net[0].mlp(expected))


@pytest.mark.parametrize(
    "names", [("0.mixer.part",), ("1.mixer.step",), ("0.mixer.part", "0.mixer.step"), ("0.mixer",)]
)
def test_removed_equals_masked(net: Any, sublayers: tuple[Sublayer, ...], names: tuple[str, ...]) -> None:
    gone = named(sublayers, *names)
    with masked(net, gone, "skip"):
        expected = net(X)
    torch.testing.assert_close(remove(net, gone, "skip")(X), expected)


def test_a_part_goes_once_with_what_it_is_a_part_of(net: Any, sublayers: tuple[Sublayer, ...]) -> None:
    both = named(sublayers, "0.mixer", "0.mixer.step")
    assert [s.name for s in outermost(both)] == ["0.mixer"]
    assert torch.equal(remove(net, both, "skip")(X), remove(net, both[:1], "skip")(X))


def test_parts_do_not_empty_a_block(sublayers: tuple[Sublayer, ...]) -> None:
    assert emptied(named(sublayers, "0.mixer.part", "0.mixer.step")) == set()
    assert emptied(named(sublayers, "0.mixer", "0.mlp", "1.mlp")) == {"0"}


def test_a_step_adds_what_it_changes(net: Any, sublayers: tuple[Sublayer, ...]) -> None:
    seen: list[Tensor] = []
    (step,) = named(sublayers, "0.mixer.step")
    with torch.no_grad(), tapped(net, [step.unit], lambda _, x, added: seen.extend((x, added))):
        net(X)
        x = 2 * X + net[0].mixer.part(X)
        torch.testing.assert_close(seen, [x, net[0].mixer.step(x) - x])


def test_a_step_fades_into_what_it_is_given(net: Any, sublayers: tuple[Sublayer, ...]) -> None:
    gone = named(sublayers, "0.mixer.step")
    with torch.no_grad(), Fading(net, gone, "skip") as fading:
        whole = net(X)
        fading.set(0.999999)
        torch.testing.assert_close(net(X), whole, rtol=1e-4, atol=1e-4)
        fading.set(0)
        assert torch.equal(net(X), remove(net, gone, "skip")(X))
