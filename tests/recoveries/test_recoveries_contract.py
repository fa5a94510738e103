"""Every recovery against its contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from recovering import GONE, are_equal, recovering_from, weights

from harness.recipes import RecoveryOptions
from harness.recoveries.base import Recovery, recoveries

TRAINING = [name for name, member in recoveries.members().items() if member.trains]
RICH: dict[str, Any] = {"epochs": 4, "batch": 16, "mixup": 0.8, "cutmix": 1.0, "ema": 0.8, "erase": 0.25}


def chosen(name: str, **options: Any) -> Recovery:
    given = {"epochs": 2, "batch": 16, **options} if recoveries.get(name).trains else {}
    return recoveries.create({"name": name, **given})


@pytest.mark.parametrize("removal", ["skip", "identity"])
@pytest.mark.parametrize("name", recoveries.members())
def test_only_a_recovery_that_trains_changes_weights(name: str, removal: str) -> None:
    recovering = recovering_from(removal=removal)
    before, recovery = weights(recovering.net), chosen(name)
    figures = recovery.recover(recovering)
    assert are_equal(before, weights(recovering.net)) != recovery.trains
    assert before.keys() == weights(recovering.net).keys()
    assert all(isinstance(value, float) for value in figures.values())
    assert not any(module.training for module in recovering.net.modules())


@pytest.mark.parametrize("name", recoveries.members())
def test_the_whole_network_is_left_as_it_was(name: str) -> None:
    recovering = recovering_from()
    before, inputs = weights(recovering.whole), torch.randn(4, 1, 8, 8)
    expected = recovering.whole(inputs)
    chosen(name).recover(recovering)
    assert are_equal(before, weights(recovering.whole))
    assert torch.equal(recovering.whole(inputs), expected)


@pytest.mark.parametrize("gone", [GONE, ()], ids=["candidate", "baseline"])
@pytest.mark.parametrize("name", TRAINING)
def test_a_seed_decides_everything(name: str, gone: tuple[str, ...]) -> None:
    found = []
    for chance in (0, 1):
        recovering = recovering_from(gone, drop_path=0.2)
        torch.manual_seed(chance)
        chosen(name, **RICH).recover(recovering)
        found.append(weights(recovering.net))
    assert are_equal(*found)


@pytest.mark.parametrize("name", TRAINING)
def test_a_recovery_takes_the_options_of_training(name: str) -> None:
    own = {field: info.default for field, info in recoveries.get(name).model_fields.items()}
    shared = {field: info.default for field, info in RecoveryOptions.model_fields.items()}
    assert shared.items() <= own.items()


@pytest.mark.parametrize("name", TRAINING)
def test_the_baseline_is_trained_for_as_many_steps(name: str) -> None:
    steps = [chosen(name, **RICH).recover(recovering_from(gone))["steps"] for gone in (GONE, ())]
    assert steps == [12.0, 12.0]


@pytest.mark.parametrize("name", TRAINING)
def test_a_length_may_be_given_in_steps(name: str) -> None:
    recovery = recoveries.create({"name": name, "steps": 5, "batch": 16})
    assert recovery.recover(recovering_from())["steps"] == 5.0


class KilledError(Exception):
    """Stands for a signal that ends the process."""


@pytest.mark.parametrize("name", TRAINING)
def test_a_killed_recovery_goes_on_to_the_same_weights_to_the_bit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setattr("harness.training.checkpoints.EVERY_S", 0.0)
    monkeypatch.setattr("harness.training.loop.monotonic", iter(range(10**6)).__next__)
    told: list[str] = []

    def kill(note: str) -> None:
        told.append(note)
        if len(told) == 3:
            raise KilledError

    plain = recovering_from(drop_path=0.2)
    expected = chosen(name, **RICH).recover(plain)
    first = recovering_from(checkpoints=tmp_path, drop_path=0.2)
    with pytest.raises(KilledError):
        chosen(name, **RICH).recover(replace(first, progress=kill))
    rest: list[str] = []
    second = replace(recovering_from(checkpoints=tmp_path, drop_path=0.2), progress=rest.append)
    figures = chosen(name, **RICH).recover(second)
    assert rest[0] == "goes on after step 9 of 12"
    assert [note.partition(",")[0] for note in rest[1:]] == ["epoch 4/4"]
    assert are_equal(weights(plain.net), weights(second.net))
    assert figures["loss"] == expected["loss"]


@pytest.mark.parametrize("name", recoveries.members())
def test_an_identity_holds_what_was_asked_and_no_defaults(name: str) -> None:
    expected = {"name": name, "epochs": 2, "batch": 16} if name in TRAINING else {"name": name}
    assert chosen(name).identity() == expected


@pytest.mark.parametrize("name", recoveries.members())
def test_a_recovery_says_what_it_is(name: str) -> None:
    assert recoveries.get(name).summary().endswith(".")
