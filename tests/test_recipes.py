"""Options of a training: what they refuse, and that new ones change no old identity."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.recipes import RecoveryOptions, TrainOptions, TrainRecipe
from harness.schema import digest
from harness.trials import weights_identity


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs exactly one of 'epochs' and 'steps'"),
        ({"epochs": 1, "steps": 5}, "needs exactly one of 'epochs' and 'steps'"),
        (
            {"epochs": 1, "mixup": 0.8, "batch": 1},
            "mix the items of a batch with each other; 'batch' must be 2 or more",
        ),
        ({"epochs": 1, "cutmix": -1.0}, "greater than or equal to 0"),
        ({"epochs": 1, "ema": 1.0}, "less than 1"),
        ({"epochs": 1, "layer_decay": 0.0}, "greater than 0"),
        ({"epochs": 1, "erase": 1.0}, "less than 1"),
        ({"epochs": 1, "label_noise": 1.1}, "less than or equal to 1"),
        ({"epochs": 1, "label_noise": -0.1}, "greater than or equal to 0"),
        ({"epochs": 1, "augment": "flip"}, "'none', 'shift_flip' or 'rand'"),
        ({"epochs": 1, "tune": {"lr": []}}, "at least 1 item"),
        ({"epochs": 1, "tune": {}}, "Field required"),
        ({"epochs": 1, "tune": {"lr": [1e-3, 1e-3]}}, "holds a learning rate twice"),
        ({"epochs": 1, "tune": {"lr": [0.0]}}, "greater than 0"),
        ({"epochs": 1, "tune": {"lr": [1e-3], "select_on": "test"}}, "'validation'"),
        ({"epochs": 1, "tune": {"lr": [1e-3]}, "lr": 1e-4}, "'tune' sets the learning rate; leave 'lr' out"),
    ],
)
def test_what_does_not_fit_together_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RecoveryOptions.model_validate(options)


def test_one_rate_may_be_written_without_a_list() -> None:
    options = RecoveryOptions.model_validate({"epochs": 1, "tune": {"lr": 1e-4}})
    assert options.tune is not None
    assert options.tune.lr == (1e-4,)


def test_weights_are_not_tuned() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        TrainRecipe.model_validate({"epochs": 1, "tune": {"lr": [1e-4]}})


def test_options_at_their_default_are_in_no_identity() -> None:
    recipe = TrainRecipe(epochs=20, batch=32, lr=2e-3, augment="none", mixup=0.0, ema=None, amp=False)
    assert recipe.model_dump(mode="json", exclude_defaults=True) == {"epochs": 20, "lr": 2e-3}


def test_a_default_means_what_it_always_meant() -> None:
    new = {"augment": "none", "erase": 0.0, "mixup": 0.0, "cutmix": 0.0, "ema": None, "layer_decay": None, "amp": False}
    old: dict[str, Any] = {"steps": None, "batch": 32, "lr": 1e-3, "min_lr": 0.0, "weight_decay": 0.05, "warmup": 0.1}
    old |= {"label_smoothing": 0.1, "clip": 1.0, "threads": 1}
    new["label_noise"] = 0.0
    assert TrainOptions(epochs=1).model_dump() == {"epochs": 1, **old, **new}


def test_the_identity_of_the_shipped_recipe_is_a_golden_one() -> None:
    from harness.spec import TrainedWeights

    recipe = TrainRecipe.model_validate({"epochs": 20, "batch": 32, "lr": 2e-3, "init": {"pos_embed_std": 0.5}})
    identity = weights_identity(TrainedWeights(train=recipe))
    assert identity == {"train": {"epochs": 20, "lr": 0.002, "init": {"pos_embed_std": 0.5}}}
    assert digest(identity) == "d1a88c214847"
