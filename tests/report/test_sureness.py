"""How good and how sure the selections are, in words; variants, architectures and the badge."""

from __future__ import annotations

from typing import Any

import pytest
from assured import assured, with_accuracy, with_selection, with_trial
from builders import Plan, elsewhere, index_of, records_of
from golden_files import assert_golden

from harness.records import Record
from harness.report.across import across, across_table, across_words
from harness.report.badge import badge
from harness.report.sureness import sureness
from harness.report.variants import variants
from harness.report.view import View, view_of
from harness.store import Reading

PLAN = Plan(criteria=("entropy", "similarity", "last", "random"), draws=2, counts=(2, 4))


def viewed(records: tuple[Record, ...], plan: Plan = PLAN, **changes: Any) -> View:
    update = {"trials": tuple(r.trial for r in records), **changes}
    return view_of(index_of(plan).model_copy(update=update), Reading(records, ()))


def test_the_words_are_golden() -> None:
    assert_golden("sureness.md", "\n\n".join(sureness(viewed(assured(PLAN)))) + "\n")


def test_nothing_is_said_of_what_was_not_asked() -> None:
    text = " ".join(sureness(viewed(records_of(PLAN))))
    assert "rankings" in text
    assert "settle" not in text
    assert "best" not in text


def test_places_of_half_of_the_networks_are_named_and_others_counted() -> None:
    def sure(record: Record) -> Record:
        held = {0: ["blocks.1.attn"], 1: ["blocks.1.attn", "blocks.5.attn"], 2: ["blocks.1.attn"]}
        units = held.get(record.trial.model_seed or 0, [])
        stability = {"unsettled": units, "sizes": {"64": {"tau": 0.5}}}
        return with_selection(record, stability=stability) if record.trial.criterion == "entropy" else record

    text = " ".join(sureness(viewed(tuple(map(sure, records_of(PLAN))))))
    assert "of entropy blocks.1.attn (3 of 6) and 1 other in fewer than half of the networks" in text


def test_many_places_are_counted_and_not_named() -> None:
    def sure(record: Record) -> Record:
        stability = {"unsettled": [f"blocks.{i}.attn" for i in range(4)], "sizes": {"64": {"tau": 0.5}}}
        return with_selection(record, stability=stability) if record.trial.criterion == "entropy" else record

    text = " ".join(sureness(viewed(tuple(map(sure, records_of(PLAN))))))
    assert "of entropy 4 units in half of the networks or more." in text


def test_the_variant_is_named_with_its_options_search_and_form() -> None:
    def changed(record: Record) -> Record:
        if record.trial.criterion is None:
            return record
        criterion = {"name": "entropy", "site": "head", "items": 128, "absolute": False}
        spec = {"criterion": criterion, "search": {"name": "exhaustive", "up_to": 6}, "removal": "identity"}
        return with_trial(record, spec, removal="identity")

    plan = elsewhere(PLAN, criteria=("paper",), contrast=None)
    text = variants(viewed(tuple(map(changed, records_of(plan))), plan))
    expected = "paper (criterion entropy, site head, items 128, absolute no, exhaustive search, up_to 6)"
    assert text == f"Compared is {expected}. What is removed is replaced by the identity (u = 2x)."


def shifted(gains: dict[str, float]) -> View:
    plan = elsewhere(PLAN, models=tuple(gains), criteria=("entropy", "similarity"), seeds=(0, 1))
    records = tuple(
        with_accuracy(r, 0.8 + (gains[r.trial.model] if r.trial.criterion == "entropy" else 0.0))
        if r.trial.criterion
        else r
        for r in records_of(plan)
    )
    return viewed(records, plan)


def test_architectures_are_the_units_of_a_claim_about_architectures() -> None:
    few = across(shifted({"a": 0.02, "b": 0.04}))
    assert few is not None
    assert (few.found.n, few.can_claim) == (2, False)
    assert "with 2 architectures the smallest p that this test can reach is 0.500" in across_words(few)
    six = across(shifted({name: 0.01 + 0.005 * i for i, name in enumerate("abcdef")}))
    assert six is not None
    assert six.found.flips.p == 2 / 2**6
    assert "So, over architectures, entropy loses less than similarity." in across_words(six)
    table = across_table(six)
    assert table is not None
    assert [row[1] for row in table.rows][:2] == ["1.00", "1.50"]


def test_no_difference_over_architectures_is_said() -> None:
    found = across(shifted({name: 0.02 * (-1) ** i for i, name in enumerate("abcdef")}))
    assert "No difference over architectures was found." in across_words(found)


def test_one_architecture_has_no_such_paragraph() -> None:
    assert across(viewed(assured(PLAN))) is None
    assert across_words(None) == ""
    assert across_table(None) is None


def test_without_training_the_comparison_is_fair() -> None:
    found = badge(viewed(records_of(PLAN)))
    assert found is not None
    assert (found.is_fair, found.word) == (True, "Comparison fair")


def test_a_recovery_that_only_one_criterion_had_is_not_fair() -> None:
    trained = tuple(
        with_trial(r, {"recovery": {"name": "finetune", "epochs": 1}}, recovery="finetune")
        for r in records_of(PLAN)
        if r.trial.criterion == "entropy"
    )
    found = badge(viewed((*records_of(PLAN), *trained)))
    assert found is not None
    assert not found.is_fair
    assert any("did not meet the same recoveries" in reason for reason in found.reasons)


def test_a_plan_without_removals_has_no_badge() -> None:
    assert badge(viewed(tuple(r for r in records_of(PLAN) if r.trial.criterion is None))) is None


@pytest.mark.parametrize(
    ("calibration", "told"), [(0.91, "is 2.0 points above it"), (0.87, "is 2.0 points below it"), (0.89, "as good")]
)
def test_the_best_by_calibration_may_be_the_better_one(calibration: float, told: str) -> None:
    def changed(record: Record) -> Record:
        optimum = {"sets": 28, "mean": 0.8, "own": 0.85, "percentile": 0.5}
        optimum |= {"best_calibration": {"value": calibration}, "best_validation": {"value": 0.89}}  # type: ignore[dict-item]  # JSON
        return with_selection(record, optimum=optimum) if record.trial.criterion else record

    text = " ".join(sureness(viewed(tuple(map(changed, records_of(PLAN))))))
    assert f"The best set by the calibration items {told}" in text.replace("is as good", "as good")


def test_one_architecture_on_other_data_or_weights_is_no_other_architecture() -> None:
    plan = elsewhere(PLAN, models=("a", "b", "c"), criteria=("entropy", "similarity"), seeds=(0, 1))
    records = tuple(with_trial(r, {"architecture": "vit"}) if r.trial.model != "c" else r for r in records_of(plan))
    found = across(viewed(records, plan))
    assert found is not None
    assert [len(values) for values in found.groups.values()] == [4, 2]
