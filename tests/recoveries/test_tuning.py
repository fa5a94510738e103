"""Learning rates that are each tried in full, and the one that validation chooses."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from recovering import are_equal, recovering_from, weights

from harness.recipes import RecoveryOptions
from harness.recoveries.base import Recovering, recoveries
from harness.recoveries.finetune import Finetune
from harness.recoveries.tuning import mean_loss, recovered

RATES = (1e-5, 3e-3, 1e-4)
TRAINING = [name for name, member in recoveries.members().items() if member.trains]


def tuned(rates: tuple[float, ...] = RATES, **options: Any) -> Finetune:
    return Finetune.model_validate({"epochs": 3, "batch": 16, "tune": {"lr": rates}, **options})


def test_the_rate_with_the_lowest_validation_loss_is_kept() -> None:
    recovering = recovering_from()
    figures = tuned().recover(recovering)
    losses = {}
    for rate in RATES:
        other = recovering_from()
        options = Finetune(epochs=3, batch=16, lr=rate)
        options.recover(other)
        part = other.data.parts["validation"]
        with torch.no_grad():
            (everything,) = part.batches(len(part))
            losses[rate] = float(other.task.loss(other.net(everything.inputs), everything))
        assert figures[f"validation_loss[lr={rate:g}]"] == pytest.approx(losses[rate], rel=1e-6)
        if rate == figures["lr"]:
            assert are_equal(weights(recovering.net), weights(other.net))
    assert figures["lr"] == min(losses, key=losses.__getitem__)
    assert figures["tried"] == 3.0
    assert figures["elapsed_s"] == pytest.approx(sum(figures[f"elapsed_s[lr={rate:g}]"] for rate in RATES))


@pytest.mark.parametrize("name", TRAINING)
def test_every_recovery_can_be_tuned_and_so_can_its_baseline(name: str) -> None:
    options: dict[str, Any] = {"name": name, "epochs": 2, "batch": 16, "tune": {"lr": [1e-4, 1e-3]}}
    for gone in (("blocks.1.attn",), ()):
        figures = recoveries.create(options).recover(recovering_from(gone))
        assert figures["tried"] == 2.0
        assert figures["lr"] in (1e-4, 1e-3)


def test_of_equals_the_first_is_kept() -> None:
    def untrained(options: RecoveryOptions, recovering: Recovering, keeps_end: bool) -> dict[str, float]:
        return {"elapsed_s": options.lr}

    assert recovered(tuned(), recovering_from(), untrained)["lr"] == RATES[0]


def test_each_rate_begins_at_the_same_weights() -> None:
    recovering = recovering_from()
    before, starts = weights(recovering.net), []

    def seen(options: RecoveryOptions, trial: Recovering, keeps_end: bool) -> dict[str, float]:
        starts.append(weights(trial.net))
        with torch.no_grad():
            next(trial.net.parameters()).add_(1.0)
        return {"elapsed_s": 0.0}

    recovered(tuned(), recovering, seen)
    assert all(are_equal(before, start) for start in starts)


def test_a_rate_that_diverges_cannot_win() -> None:
    figures = tuned((1e30, 1e-4), clip=None, weight_decay=0.0).recover(recovering_from())
    assert figures["lr"] == 1e-4
    assert figures["diverged[lr=1e+30]"] == 1.0
    assert all(math.isfinite(value) for value in figures.values())


def test_where_all_rates_diverge_it_is_an_error() -> None:
    with pytest.raises(FloatingPointError, match=r"not finite|loss is"):
        tuned((1e30, 1e31), clip=None, weight_decay=0.0).recover(recovering_from())


def test_rates_that_are_done_are_not_tried_again_after_a_kill(tmp_path: Path) -> None:
    expected = recovering_from()
    tuned().recover(expected)
    notes: list[str] = []

    def kill(note: str) -> None:
        notes.append(note)
        if note.startswith("rate 2/3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuned().recover(replace(recovering_from(checkpoints=tmp_path), progress=kill))
    rest: list[str] = []
    second = replace(recovering_from(checkpoints=tmp_path), progress=rest.append)
    tuned().recover(second)
    assert not any(note.startswith("rate 1/3") for note in rest)
    assert are_equal(weights(expected.net), weights(second.net))


def test_validation_is_without_smoothing_and_in_eval_mode() -> None:
    recovering = recovering_from(drop_path=0.5)
    part, net = recovering.data.parts["validation"], copy.deepcopy(recovering.net)
    (everything,) = part.batches(len(part))
    with torch.no_grad():
        expected = float(recovering.task.loss(net(everything.inputs), everything))
    found = mean_loss(net, recovering.task, part, Finetune(epochs=1, batch=7), "cpu")
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_rate_whose_validation_loss_is_not_finite_cannot_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights can be finite where the outputs they give are not."""
    losses = iter((math.nan, 2.0, math.inf))
    monkeypatch.setattr("harness.recoveries.tuning.mean_loss", lambda *_: next(losses))
    figures = tuned().recover(recovering_from())
    assert figures["lr"] == RATES[1]
    assert figures[f"diverged[lr={RATES[0]:g}]"] == 1.0
    assert all(math.isfinite(value) for value in figures.values())
