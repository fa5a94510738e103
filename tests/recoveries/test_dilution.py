"""lambda-ViT's dilution learning: its length, its ends, and that nothing removed is plain training."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from recovering import GONE, are_equal, recovering_from, weights

from harness.recoveries.dilution import Dilution
from harness.recoveries.finetune import Finetune
from harness.training.fading import Fading
from harness.training.loop import train

REMOVALS = ["skip", "identity"]


def factors(monkeypatch: pytest.MonkeyPatch, options: Dilution) -> list[float]:
    """The factor of every step of a recovery over three batches an epoch."""
    seen: list[float] = []
    plain = Fading.set

    def watched(self: Fading, factor: float) -> None:
        seen.append(factor)
        plain(self, factor)

    monkeypatch.setattr(Fading, "set", watched)
    options.recover(recovering_from(removal="identity"))
    return seen


def test_the_factor_falls_by_epoch_and_ends_at_0(monkeypatch: pytest.MonkeyPatch) -> None:
    found = factors(monkeypatch, Dilution(epochs=4, batch=16))
    assert found == [1.0] * 3 + [1 - 1 / 3] * 3 + [1 - 2 / 3] * 3 + [0.0] * 3


def test_a_length_in_steps_falls_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    found = factors(monkeypatch, Dilution(steps=8, batch=16, fade=0.5))
    assert found == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0]


def test_the_first_epoch_at_0_is_told() -> None:
    assert Dilution(epochs=4, batch=16).recover(recovering_from())["faded_from"] == 3.0


@pytest.mark.parametrize("removal", REMOVALS)
def test_nothing_removed_it_is_plain_training_to_the_bit(removal: str) -> None:
    found = []
    for options in (Dilution(epochs=3, batch=16), Finetune(epochs=3, batch=16)):
        recovering = recovering_from((), removal, drop_path=0.2)
        options.recover(recovering)
        found.append(weights(recovering.net))
    assert are_equal(*found)


def test_before_anything_fades_the_whole_network_is_trained() -> None:
    # The first of two epochs has factor 1: a step of it is a step of the whole network.
    recovering = recovering_from()
    Dilution(steps=2, batch=16, lr=1e-3, warmup=0).recover(recovering)
    whole = copy.deepcopy(recovering.whole)
    gone = recovering.sublayers

    def before_step(_: int, step: int) -> None:
        fading.set(1.0 - step)

    from harness.training.loop import Course

    with Fading(whole, gone, "skip") as fading:
        part, course = recovering.data.parts["train"], Course(before_step=before_step)
        options: Any = Finetune(steps=2, batch=16, lr=1e-3, warmup=0)
        train(whole, recovering.task, part, options, "cpu", recovering.seed, lambda _: None, course)
    kept, left = weights(recovering.net), weights(whole)
    assert all(torch.equal(kept[name], left[name]) for name in kept)


@pytest.mark.parametrize("removal", REMOVALS)
def test_what_is_kept_is_what_remains_at_the_end_and_runs_as_it_was_trained(removal: str) -> None:
    recovering = recovering_from(removal=removal)
    before = weights(recovering.net)
    Dilution(epochs=3, batch=16).recover(recovering)
    after = weights(recovering.net)
    assert not any(name.startswith(tuple(f"{g}." for g in GONE)) for name in after)
    assert all(not torch.equal(before[name], after[name]) for name in after)


def test_the_two_forms_are_two_trainings() -> None:
    found = []
    for removal in REMOVALS:
        recovering = recovering_from(removal=removal)
        Dilution(epochs=3, batch=16).recover(recovering)
        found.append(weights(recovering.net))
    assert not are_equal(*found)


@pytest.mark.parametrize("length", [{"epochs": 1}, {"steps": 1}])
def test_it_needs_time_to_fade(length: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="needs at least 2 epochs"):
        Dilution.model_validate(length)


def test_the_papers_share_is_the_default() -> None:
    assert Dilution(epochs=400).fade == 299 / 400
    assert Dilution(epochs=10, fade=299 / 400).identity() == {"name": "dilution", "epochs": 10}
