"""The answer: a difference is claimed only when the test says so, and models are what is counted."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from builders import Plan, elsewhere, failed, index_of, records_of, without
from golden_files import assert_golden

from harness.records import Measurement, Record
from harness.report.caveats import caveats
from harness.report.comparisons import others, primary
from harness.report.view import View, view_of
from harness.report.words import answer
from harness.store import Reading

PLAN = Plan(draws=2, counts=(2, 4, 6))


def seen(plan: Plan, records: tuple[Record, ...] | None = None) -> View:
    return view_of(index_of(plan), Reading(records_of(plan) if records is None else records, ()))


def words(plan: Plan, records: tuple[Record, ...] | None = None) -> str:
    found = seen(plan, records)
    return "\n\n".join(answer(found, primary(found), others(found)))


def with_accuracy(plan: Plan, table: Mapping[str, tuple[float, ...]]) -> tuple[Record, ...]:
    """Records whose test accuracy is given per criterion (`baseline` too) and seed; all counts and draws alike."""

    def changed(record: Record) -> Record:
        values = table[record.trial.criterion or "baseline"]
        value = values[plan.seeds.index(record.trial.model_seed or 0)]
        kept = [m for m in record.measurements if m.metric != "top1"]
        top1 = Measurement(metric="top1", unit="1", better="higher", kind="exact", split="test", value=value)
        return record.model_copy(update={"measurements": (*kept, top1)})

    return tuple(changed(record) for record in records_of(plan))


PAIR = elsewhere(PLAN, criteria=("entropy", "similarity"), counts=(4,))
BASE = (0.96, 0.95, 0.96, 0.95, 0.96, 0.95)
HIGH = (0.90, 0.91, 0.92, 0.90, 0.91, 0.92)


def shifted(values: tuple[float, ...], shifts: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(value - shift for value, shift in zip(values, shifts, strict=True))


def test_the_answer_is_golden() -> None:
    assert_golden("answer.md", words(PLAN) + "\n")


def test_the_caveats_are_golden() -> None:
    assert_golden("caveats.md", "\n".join(caveats(seen(PLAN))) + "\n")


def test_a_real_difference_is_claimed() -> None:
    low = shifted(HIGH, (0.02, 0.03, 0.04, 0.02, 0.03, 0.04))
    text = words(PAIR, with_accuracy(PAIR, {"baseline": BASE, "entropy": HIGH, "similarity": low}))
    assert "So entropy loses less than similarity." in text
    assert "entropy keeps 3.0 points more (difference 3.0" in text
    assert "exact sign-flip p = 0.031; 6 networks" in text


def test_the_winner_may_be_the_second() -> None:
    low = shifted(HIGH, (0.02, 0.03, 0.04, 0.02, 0.03, 0.04))
    text = words(PAIR, with_accuracy(PAIR, {"baseline": BASE, "entropy": low, "similarity": HIGH}))
    assert "So similarity loses less than entropy." in text
    assert "entropy keeps 3.0 points less (difference −3.0" in text


def test_equal_losses_are_called_equal() -> None:
    text = words(PAIR, with_accuracy(PAIR, {"baseline": BASE, "entropy": HIGH, "similarity": HIGH}))
    assert "entropy keeps as much (difference 0.0" in text
    assert "loses less than" not in text


def test_noise_is_not_a_difference_and_its_power_is_stated() -> None:
    noise = shifted(HIGH, (0.02, -0.03, 0.01, -0.01, 0.02, -0.02))
    text = words(PAIR, with_accuracy(PAIR, {"baseline": BASE, "entropy": HIGH, "similarity": noise}))
    assert "loses less than" not in text
    assert "No difference between entropy and similarity was found; a difference of 3." in text
    assert "points could have been seen with 80 % power" in text


@pytest.mark.parametrize(("seeds", "smallest"), [((0, 1, 2, 3, 4), "0.062"), ((0, 1), "0.500"), ((0,), "1.000")])
def test_fewer_than_six_networks_claim_nothing(seeds: tuple[int, ...], smallest: str) -> None:
    text = words(elsewhere(PLAN, seeds=seeds))
    assert "loses less than" not in text
    assert "No claim is made" in text
    assert f"can reach is {smallest}" in text


def test_a_network_that_does_not_differ_is_said_to_be_no_help() -> None:
    low = shifted(HIGH, (0.02, 0.03, 0.04, 0.02, 0.03, 0.0))
    text = words(PAIR, with_accuracy(PAIR, {"baseline": BASE, "entropy": HIGH, "similarity": low}))
    assert "with 6 networks, of which 1 shows no difference at all, the smallest p" in text
    assert "can reach is 0.062, and at least 6 that differ are needed" in text


def test_six_networks_cannot_carry_five_corrected_comparisons() -> None:
    assert "none of them is claimed" in words(PLAN)


def test_enough_networks_can() -> None:
    text = words(elsewhere(PLAN, seeds=tuple(range(10))))
    assert "The tests show: entropy loses less than last on vit_digits, attention (p = 0.0" in text


def test_draws_are_no_networks() -> None:
    plan = elsewhere(PLAN, seeds=(0, 1), criteria=("entropy", "random"), draws=30, contrast=("entropy", "random"))
    contrast = primary(seen(plan))
    assert contrast is not None
    assert contrast.found.n == 2


def test_the_contrast_is_tested_once_over_all_models() -> None:
    found = seen(elsewhere(PLAN, models=("small", "large"), seeds=(0, 1, 2)))
    contrast = primary(found)
    assert contrast is not None
    assert (contrast.found.n, contrast.family) == (6, 1)
    assert len(others(found)) == 12  # six pairs in each of two panels; the contrast's own is one of them


def test_holm_counts_every_other_comparison() -> None:
    rest = others(seen(PLAN))
    assert len(rest) == 5
    assert all(c.family == 5 and c.p >= c.found.flips.p for c in rest)


def test_a_network_that_lacks_a_trial_is_left_out_of_the_pair() -> None:
    records = records_of(PLAN)
    gone = next(r for r in records if r.trial.criterion == "entropy" and r.trial.count == 4)
    contrast = primary(seen(PLAN, tuple(failed(r) if r is gone else r for r in records)))
    assert contrast is not None
    assert contrast.found.n == 5


def test_a_count_that_failed_everywhere_costs_no_network() -> None:
    records = tuple(failed(r) if r.trial.count == 6 else r for r in records_of(PLAN))
    contrast = primary(seen(PLAN, records))
    assert contrast is not None
    assert contrast.found.n == 6


def test_a_contrast_without_results_says_so() -> None:
    records = tuple(failed(r) if r.trial.criterion == "similarity" else r for r in records_of(PLAN))
    assert "entropy against similarity, could not be tested" in words(PLAN, records)


def test_one_criterion_has_nothing_to_be_compared_with() -> None:
    text = words(elsewhere(PLAN, criteria=("entropy",), contrast=None))
    assert "nothing to compare it with" in text


def test_of_many_criteria_the_contrast_and_chance_are_named_and_the_others_have_a_range() -> None:
    plan = elsewhere(PAIR, criteria=("entropy", "similarity", "a", "b", "c", "d", "random"))
    losses = {"entropy": 0.02, "similarity": 0.03, "a": 0.05, "b": 0.01, "c": 0.07, "d": 0.04, "random": 0.2}
    table = {name: shifted(BASE, (loss,) * 6) for name, loss in losses.items()}
    text = words(plan, with_accuracy(plan, {"baseline": BASE, **table}))
    assert "entropy loses 2.0 ± 0.0 points" in text
    assert "similarity 3.0 ± 0.0 and random (2 draws) 20.0 ± 0.0" in text
    assert "; the 4 others lose from 1.0 ± 0.0 (b) to 7.0 ± 0.0 (c)." in text


def test_a_claim_against_the_t_interval_says_so() -> None:
    low = shifted(HIGH, (0.001, 0.001, 0.001, 0.001, 0.001, 0.09))
    text = words(PAIR, with_accuracy(PAIR, {"baseline": BASE, "entropy": HIGH, "similarity": low}))
    assert "So entropy loses less than similarity by that test, although the t interval holds 0." in text


def test_a_noisy_latency_is_not_called_faster() -> None:
    plan = elsewhere(PLAN, noisy_counts=(4,))
    text = words(plan)
    assert "Nothing is claimed of the latency (batch 1): its timing was noisy (a change of −" in text
    assert "fell by" not in text


def test_a_clear_latency_has_its_interval() -> None:
    assert "The latency (batch 1) fell by 21.4 % [20.8, 21.9]." in words(PLAN)


def test_a_few_pairs_say_nothing_of_the_speed() -> None:
    def shortened(record: Record) -> Record:
        cut = {"samples": (1.0, 1.0), "baseline_samples": (2.0, 2.0)}
        kept = tuple(m.model_copy(update=cut) if m.samples else m for m in record.measurements)
        return record.model_copy(update={"measurements": kept})

    text = words(PLAN, tuple(map(shortened, records_of(PLAN))))
    assert "Nothing is said of the latency (batch 1): it was timed in fewer than 6 pairs." in text
    assert "fell by" not in text


def test_without_timings_no_speed_is_stated() -> None:
    records = tuple(without(r, "latency_s", "images_per_s") for r in records_of(PLAN))
    text = words(PLAN, records)
    assert "latency" not in text
    assert "saves 18.0 % of the MACs" in text


def test_without_macs_their_saving_is_not_made_up() -> None:
    records = tuple(without(r, "macs") for r in records_of(PLAN))
    assert "saves MACs that were not counted" in words(PLAN, records)


def test_without_a_baseline_no_loss_is_stated() -> None:
    records = tuple(failed(r) if r.trial.criterion is None else r for r in records_of(PLAN))
    text = words(PLAN, records)
    assert "no loss can be stated" in text
    assert "The study's contrast" in text


def test_the_answer_ends_with_how_far_it_reaches() -> None:
    assert "it says nothing about other data" in words(PLAN).splitlines()[-1]


def test_all_failed_is_no_answer() -> None:
    records = tuple(failed(record) for record in records_of(PLAN))
    assert words(PLAN, records).startswith("There is no answer: nothing was measured.")


def test_the_contrast_says_what_else_it_is_a_mean_over() -> None:
    """It is tested once over all panels, so no single recovery or target is what it speaks of."""
    plan = elsewhere(PLAN, criteria=("entropy", "similarity"))

    def other(record: Record) -> Record:
        info = record.trial
        update = {"id": f"{info.id}-x", "target": "mlp", "recovery": "finetune"}
        return record.model_copy(update={"trial": info.model_copy(update=update)})

    records = (*records_of(plan), *(other(r) for r in records_of(plan) if not r.trial.is_baseline))
    index = index_of(plan).model_copy(update={"trials": tuple(r.trial for r in records)})
    found = view_of(index, Reading(records, ()))
    text = "\n".join(answer(found, primary(found), others(found)))
    assert "entropy against similarity, averaged over targets, recoveries and counts and tested once" in text
