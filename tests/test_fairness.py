"""Is a comparison of recoveries fair? Told from the specs of trials."""

from __future__ import annotations

from typing import Any

import pytest

from harness.fairness import Verdict, verdict
from harness.trials import TrialSpec, unremoved, untouched

TRAINED: dict[str, Any] = {"train": {"epochs": 20, "lr": 2e-3}}
NAMES = ("entropy", "similarity")


def trials(
    *recoveries: dict[str, Any] | None, weights: dict[str, Any] = TRAINED, names: tuple[str, ...] = NAMES
) -> list[dict[str, Any]]:
    """Candidates by each criterion and count with each recovery, and the baselines that plan makes for them."""
    found = []
    for recovery in recoveries:
        for name in names:
            for count in (1, 2):
                spec = TrialSpec(
                    architecture="deit",
                    weights=weights,
                    data={"name": "digits"},
                    target="attention",
                    criterion={"name": name},
                    count=count,
                    recovery=recovery,
                    recovery_seed=None if recovery is None else 0,
                )
                identity = spec.identity()
                found += [identity, unremoved(identity), untouched(identity)]
    return found


def finetune(**options: Any) -> dict[str, Any]:
    return {"name": "finetune", "epochs": 10, **options}


@pytest.mark.parametrize(
    "recoveries",
    [
        (None,),
        (finetune(),),
        (None, finetune()),
        (finetune(), {"name": "dilution", "epochs": 10}),
        (finetune(), {"name": "distill", "epochs": 10, "temperature": 4.0}, {"name": "scratch", "epochs": 30}),
        (finetune(tune={"lr": [1e-3, 1e-4]}), {"name": "scratch", "epochs": 30, "tune": {"lr": [2e-3, 4e-3]}}),
    ],
)
def test_equal_length_schedule_and_tries_are_fair(recoveries: tuple[dict[str, Any] | None, ...]) -> None:
    assert verdict(trials(*recoveries)) == Verdict(True)


def test_a_baseline_with_another_recovery_is_not_fair() -> None:
    given = [spec for spec in trials(finetune()) if "criterion" in spec or "recovery" not in spec]
    assert verdict(given).reasons == ("no baseline had the same recovery as a candidate: finetune (epochs 10)",)


def test_a_baseline_with_another_seed_or_other_weights_is_not_the_baseline() -> None:
    given = trials(finetune())
    other = [{**spec, "recovery_seed": 1} if "criterion" not in spec and "recovery" in spec else spec for spec in given]
    assert not verdict(other).is_fair


def test_recoveries_of_different_total_length_are_not_fair() -> None:
    found = verdict(trials(finetune(), finetune(epochs=1)))
    assert found.reasons == (
        "recoveries of different total length stand beside each other: "
        "finetune (epochs 10) 30 epochs, finetune (epochs 1) 21 epochs",
    )


def test_scratch_is_to_have_the_whole_length() -> None:
    found = verdict(trials(finetune(), {"name": "scratch", "epochs": 10}))
    assert found.reasons == (
        "recoveries of different total length stand beside each other: "
        "finetune (epochs 10) 30 epochs, scratch (epochs 10) 10 epochs",
    )


def test_epochs_and_steps_are_not_the_same_length() -> None:
    found = verdict(trials(finetune(), {"name": "dilution", "steps": 100}))
    assert "dilution (steps 100) 20 epochs and 100 steps" in found.reasons[0]


def test_nobody_knows_how_long_published_weights_were_trained() -> None:
    published = {"pretrained": None}
    assert verdict(trials(finetune(), {"name": "dilution", "epochs": 10}, weights=published)).is_fair
    found = verdict(trials(finetune(), {"name": "scratch", "epochs": 300}, weights=published))
    assert "finetune (epochs 10) 10 epochs and an unknown length before" in found.reasons[0]


def test_weights_that_were_never_trained_have_no_length() -> None:
    assert verdict(trials(finetune(), {"name": "scratch", "epochs": 10}, weights={"random": True})).is_fair


def test_a_tuned_arm_beside_an_untuned_one_is_not_fair() -> None:
    found = verdict(trials(finetune(tune={"lr": [1e-3, 1e-4]}), {"name": "dilution", "epochs": 10}))
    assert found.reasons == (
        "recoveries had unequal numbers of learning rates to choose from: "
        "finetune (epochs 10, tune lr 0.001/0.0001) 2, dilution (epochs 10) none",
    )


def test_rates_chosen_by_hand_are_not_fair() -> None:
    found = verdict(trials(finetune(lr=1e-4), {"name": "dilution", "epochs": 10}))
    assert found.reasons == (
        "recoveries have learning rates of their own that were not chosen by 'tune': "
        "finetune (epochs 10, lr 0.0001) 0.0001, dilution (epochs 10) 0.001",
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [("mixup", 0.8), ("augment", "rand"), ("batch", 64), ("warmup", 0.0), ("ema", 0.99), ("label_smoothing", 0.0)],
)
def test_another_schedule_or_augmentation_is_not_fair(option: str, value: Any) -> None:
    found = verdict(trials(finetune(**{option: value}), {"name": "dilution", "epochs": 10}))
    assert [reason.partition(":")[0] for reason in found.reasons] == [f"recoveries differ in '{option}'"]


def test_a_default_that_is_written_out_is_no_difference() -> None:
    assert verdict(trials(finetune(batch=32, lr=1e-3, mixup=0.0), {"name": "dilution", "epochs": 10})).is_fair


def test_criteria_that_met_different_recoveries_are_not_fair() -> None:
    given = [*trials(None, names=("entropy",)), *trials(finetune(), names=("similarity",))]
    assert verdict(given).reasons == (
        "what was removed did not meet the same recoveries everywhere: "
        "attention entropy skip: none; attention similarity skip: finetune (epochs 10)",
    )


def test_models_are_judged_by_themselves() -> None:
    longer: dict[str, Any] = {"train": {"epochs": 50}}
    assert verdict([*trials(finetune()), *trials(finetune(), weights=longer)]).is_fair


def test_the_same_reason_is_said_once() -> None:
    given = trials(finetune(), finetune(epochs=1))
    seeds = [{**spec, "model_seed": seed} for seed in (0, 1) for spec in given]
    assert len(verdict(seeds).reasons) == 1
