"""Selections of a panel: each once, ranked by what chose it, with its price and what is known of its sureness."""

from __future__ import annotations

from assured import assured, with_selection
from builders import Plan, index_of, records_of

from harness.records import Measurement, Record
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.selections import Selected, by_criterion, number_at, over_networks, sizes_of

PLAN = Plan(seeds=(0, 1), criteria=("entropy", "similarity", "random"), draws=3, counts=(2, 4))


def seen(records: tuple[Record, ...], plan: Plan = PLAN) -> View:
    index = index_of(plan).model_copy(update={"trials": tuple(r.trial for r in records)})
    return view_of(index, Reading(records, ()))


def chosen(records: tuple[Record, ...]) -> tuple[Selected, ...]:
    ((_, found),) = seen(records).chosen
    return found


def test_counts_share_a_selection_and_draws_do_not() -> None:
    found = by_criterion(chosen(assured(PLAN)))
    assert {name: len(own) for name, own in found.items()} == {"entropy": 2, "similarity": 2, "random": 6}
    assert set(found["entropy"][0].optimum) == {2, 4}
    assert list(by_criterion(chosen(assured(PLAN)), drawn=False)) == ["entropy", "similarity"]


def test_one_shot_is_ranked_by_score_and_greedy_by_order() -> None:
    scores = {"blocks.0.attn": 0.3, "blocks.1.attn": 0.1, "blocks.2.attn": 0.1}
    order = ("blocks.2.attn", "blocks.0.attn", "blocks.1.attn")
    for search, expected in (("one_shot", [3.0, 1.5, 1.5]), ("greedy", [2.0, 3.0, 1.0])):
        records = tuple(
            with_selection(r, search=search, scores=scores, order=order) if r.selection else r for r in records_of(PLAN)
        )
        ranks = chosen(records)[0].ranks
        assert [ranks[unit] for unit in scores] == expected


def test_the_price_is_of_the_run_that_made_it_not_of_one_that_reused_it() -> None:
    def timed(record: Record) -> Record:
        if record.trial.criterion is None:
            return record
        is_first = record.trial.count == 4
        stage = record.run.stages["select"].model_copy(
            update={"reused": not is_first, "elapsed_s": 9.0 if is_first else 0.1}
        )
        run = record.run.model_copy(update={"stages": {**record.run.stages, "select": stage}})
        return record.model_copy(update={"run": run})

    assert {one.seconds for one in chosen(tuple(map(timed, records_of(PLAN))))} == {9.0}


def test_a_stage_that_timed_networks_too_is_no_price_of_a_criterion() -> None:
    records = tuple(with_selection(r, budget={"latency": 0.1}) if r.selection else r for r in records_of(PLAN))
    assert {one.seconds for one in chosen(records)} == {None}


def test_a_measurements_details_tell_what_the_selection_does_not() -> None:
    sure = {"subsets": 3, "unsettled": ["blocks.1.attn"], "sizes": {"64": {"tau": 0.5}}}
    answer = Measurement(metric="stability_tau", unit="1", better="higher", kind="exact", value=0.5, details=sure)
    records = tuple(r.model_copy(update={"measurements": (*r.measurements, answer)}) for r in records_of(PLAN))
    found = chosen(records)
    assert found[0].unsettled == ("blocks.1.attn",)
    assert list(sizes_of(found)) == ["64"]


def test_values_are_averaged_within_a_network_first() -> None:
    assert over_networks([("a", 1.0), ("a", 3.0), ("b", 5.0), ("b", None)]) == [2.0, 5.0]


def test_a_number_that_is_not_there_is_none() -> None:
    assert number_at({"a": {"b": 2}}, "a", "b") == 2.0
    assert number_at({"a": {"b": True}}, "a", "b") is None
    assert number_at({"a": 1.0}, "a", "b") is None
    assert number_at(None, "a") is None
