"""Every recovery against its contract, and what fine-tuning does to a network that lost a sublayer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from harness.datasets.base import Data, Part
from harness.families.catalogue import family_of
from harness.records import PartInfo
from harness.recoveries.base import Recovering, Recovery, recoveries
from harness.recoveries.finetune import Finetune
from harness.recoveries.none import Untrained
from harness.surgery import removed
from harness.tasks.base import Batch, Description
from harness.tasks.classification import Classification
from harness.training import train

CHOICES = {"finetune": {"steps": 2}}


class Few(Part):
    """One batch, whatever the order."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.info = PartInfo(items=len(batch), sha256="0" * 64, transform="none")

    def batches(self, size: int, shuffle: int | None = None) -> Iterator[Batch]:
        yield self.batch


@pytest.fixture
def recovering(tiny_net: nn.Module, batch: Batch) -> Recovering:
    data = Data(Description("classification", 10, 1), {"train": Few(batch)})
    return Recovering(tiny_net, Classification(), data, "cpu", 3, lambda _: None)


def weights(net: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in net.state_dict().items()}


def changed(before: dict[str, torch.Tensor], net: nn.Module) -> set[str]:
    return {key for key, value in net.state_dict().items() if not torch.equal(before[key], value)}


@pytest.mark.parametrize("name", recoveries.members())
def test_only_a_recovery_that_trains_changes_weights(recovering: Recovering, name: str) -> None:
    recovery: Recovery = recoveries.create({"name": name, **CHOICES.get(name, {})})
    before = weights(recovering.net)
    figures = recovery.recover(recovering)
    assert bool(changed(before, recovering.net)) == recovery.trains
    assert all(isinstance(value, float) for value in figures.values())
    assert not any(module.training for module in recovering.net.modules())


def test_finetuning_is_training_with_the_same_options(recovering: Recovering) -> None:
    import copy

    other = copy.deepcopy(recovering.net)
    figures = Finetune(epochs=2, lr=1e-4).recover(recovering)
    part = recovering.data.parts["train"]
    expected = train(other, recovering.task, part, Finetune(epochs=2, lr=1e-4), "cpu", recovering.seed, lambda _: None)
    assert figures == expected
    assert not changed(weights(other), recovering.net)


def test_what_is_removed_is_not_trained(recovering: Recovering) -> None:
    net = recovering.net
    gone = [sublayer for sublayer in family_of(net).sublayers(net) if sublayer.name == "blocks.1.attn"]
    before = weights(net)
    with removed(net, gone, "skip"):
        Finetune(steps=2, weight_decay=0.0).recover(recovering)
    touched = changed(before, net)
    assert not any(key.startswith(("blocks.1.attn", "blocks.1.norm1")) for key in touched)
    assert "blocks.0.attn.qkv.weight" in touched


def test_finetune_needs_a_length_as_training_does() -> None:
    with pytest.raises(ValidationError, match="exactly one of 'epochs' and 'steps'"):
        Finetune()


def test_identity_holds_what_was_asked_and_no_defaults() -> None:
    assert Finetune(epochs=1, lr=1e-4, batch=32).identity() == {"name": "finetune", "epochs": 1, "lr": 1e-4}
    assert Untrained().identity() == {"name": "none"}
