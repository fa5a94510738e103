"""What a network declares that its training needs: terms of its own in the loss, and parameters at another rate."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from trainings import OPTIONS, Items, net_of

from harness.errors import DeviceError, SpecError
from harness.recipes import TrainOptions
from harness.tasks.classification import Classification
from harness.training.circle import Circle
from harness.training.declared import with_auxiliary_losses, with_learning_rate_factors
from harness.training.groups import parameter_groups
from harness.training.loop import train


def trained(net: Any, options: TrainOptions = OPTIONS) -> Any:
    train(net, Classification(), Items(), options, "cpu", 0, lambda _: None)
    return net


class Declaring(nn.Module):
    """Twice its input, plus a term in the loss; its bias learns at a hundredth of the rate."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 2), nn.Linear(2, 2)
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.first(x))
        self.seen = y.square().mean() if self.training else None
        return y

    def auxiliary_losses(self) -> dict[str, Tensor]:
        seen, self.seen = self.seen, None
        return {} if seen is None else {"size": 0.5 * seen}

    def learning_rate_factors(self) -> dict[str, float]:
        return {"first.bias": 0.01, "last.weight": 0.5}


def test_a_network_adds_its_own_terms_to_the_loss_once() -> None:
    net, loss = Declaring(), torch.tensor(2.0)
    y = net(torch.ones(3, 2))
    assert torch.equal(with_auxiliary_losses(net, loss), 2.0 + 0.5 * y.square().mean())
    assert with_auxiliary_losses(net, loss) is loss


def test_a_network_that_declares_nothing_is_trained_by_the_loss_itself() -> None:
    loss = torch.tensor(2.0)
    assert with_auxiliary_losses(nn.Linear(2, 2), loss) is loss


def test_the_training_follows_the_terms_of_the_network() -> None:
    plain: Any = trained(net_of())
    pulled: Any = net_of()
    pulled.auxiliary_losses = lambda: {"size": 10 * (pulled.head.bias - 1).square().sum()}
    trained(pulled)
    assert bool((pulled.head.bias > 0).all())
    assert not bool((plain.head.bias > 0).all())


def test_parameters_learn_at_the_rates_that_the_network_declares() -> None:
    net = Declaring()
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    groups = parameter_groups(net, 0.05, None)
    found = {names[id(p)]: (group.get("lr_scale"), group["weight_decay"]) for group in groups for p in group["params"]}
    assert found == {
        "first.weight": (1.0, 0.05),
        "first.bias": (0.01, 0.0),
        "last.weight": (0.5, 0.05),
        "last.bias": (1.0, 0.0),
    }


def test_what_a_network_declares_comes_on_top_of_the_rate_of_its_layer() -> None:
    net = Declaring()
    group = {"params": [net.first.bias], "lr_scale": 0.5}
    assert with_learning_rate_factors(net, [group]) == [{"params": [net.first.bias], "lr_scale": 0.005}]


@pytest.mark.parametrize(("name", "factor"), [("first.scale", 0.5), ("first.bias", 0.0), ("first.bias", float("nan"))])
def test_a_factor_that_makes_no_sense_is_an_error(name: str, factor: float) -> None:
    net = Declaring()
    net.learning_rate_factors = lambda: {name: factor}  # type: ignore[method-assign]  # the fault that is looked for
    with pytest.raises(SpecError, match=f"Declaring declares a learning rate factor of {factor} for '{name}'"):
        parameter_groups(net, 0.05, None)


def test_parameters_that_learn_slowly_move_less() -> None:
    before, net = dict(net_of().named_parameters()), cast(Any, net_of())
    net.learning_rate_factors = lambda: {"head.weight": 1e-3}
    trained(net, TrainOptions(epochs=1, batch=16, weight_decay=0))
    moved = {name: float((p - before[name]).detach().abs().amax()) for name, p in net.named_parameters()}
    assert moved["head.weight"] < 0.01 * moved["head.bias"]


def test_terms_over_a_whole_batch_are_for_one_process() -> None:
    Circle().check(Declaring())
    with pytest.raises(DeviceError, match="Declaring adds losses of its own over the whole batch"):
        Circle(0, 2).check(Declaring())
