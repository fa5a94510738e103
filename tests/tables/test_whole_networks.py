"""Networks with nothing removed, side by side; and how many of their hidden units fire."""

from __future__ import annotations

import statistics

from active_records import BUDGETS, LOST, MLPS, counted, top1
from builders import records_of
from timed_records import PLAN, also, share, viewed

from harness.report.networks import network_table
from harness.tables.activity import activity, whole_and_counted
from harness.tables.derived import robust, robust_by_corruption


def baselines() -> list[float]:
    return [100 * top1(record) for record in records_of(PLAN) if record.trial.criterion is None]


def test_every_network_and_budget_has_a_row_and_every_outcome_a_column() -> None:
    table = network_table(viewed(counted()))
    assert table is not None
    assert table.header == (
        "model, transform",
        "top-1",
        "ECE",
        "active units",
        "imagenet c gaussian noise",
        "imagenet c shot noise",
        "networks",
    )
    assert [row[0].partition(", ")[2] for row in table.rows] == list(BUDGETS)
    for row, lost in zip(table.rows, LOST.values(), strict=True):
        values = [value - 100 * lost for value in baselines()]
        assert row[1] == f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}"
        assert row[2] == "4.0 ± 0.0"
        noisy = [value - 15 for value in values]  # the mean of 10 and 20 points
        assert row[4] == row[5] == f"{statistics.fmean(noisy):.1f} ± {statistics.stdev(noisy):.1f}"
    assert "ECE: expected calibration error; lower is better." in table.notes


def test_what_was_removed_from_is_in_no_row() -> None:
    whole = [record for record in counted() if record.trial.criterion is None]
    assert network_table(viewed(whole)) == network_table(viewed(counted()))


def test_one_network_or_top1_alone_needs_no_table() -> None:
    assert network_table(viewed(records_of(PLAN))) is None
    one = (record for record in counted() if record.trial.transform == "none")
    assert network_table(viewed(one)) is None


def test_the_mean_over_severities_is_told_by_corruption_unless_one_is_missing() -> None:
    harms = [share(0.5, corruption="fog", severity=1), share(0.3, corruption="fog", severity=2)]
    half = [share(0.9, corruption="jpeg", severity=1), share(0.0, corruption="jpeg", severity=2)]
    half[1] = half[1].model_copy(update={"value": None, "reason": "the network broke down"})
    (result, *_) = viewed(also(record, *harms, *half) for record in records_of(PLAN)).results
    assert robust_by_corruption(result) == {"fog": 0.4}
    assert robust(result) is None
    table = viewed(also(record, *harms) for record in records_of(PLAN)).table
    assert set(table["robust_top1@corruption=fog"]) == set(table["robust_top1"]) == {0.4}


def test_active_units_are_those_of_whole_networks_on_the_test_split() -> None:
    view = viewed(counted())
    found = activity(view.shelf.of(whole_and_counted(view.good_table)))
    assert found == view.active
    assert [(one.transform, one.is_plain) for one in found] == [("none", True), ("top_8", False), ("top_2", False)]
    plain = found[0]
    assert plain.mlps == MLPS
    assert len(plain.shares) == len(PLAN.seeds)
    assert plain.mean == tuple(statistics.fmean(by_seed) for by_seed in zip(*plain.shares, strict=True))
    assert plain.deviation == tuple(map(statistics.stdev, zip(*plain.shares, strict=True)))


def test_the_tenth_block_comes_after_the_second() -> None:
    names = [f"blocks.{place}.mlp" for place in (0, 1, 10, 2)]  # as sorted keys have them
    shares = dict.fromkeys(names, 0.25)
    told = share(0.25, "active_share").model_copy(update={"by_sublayer": shares, "details": {}})
    (found,) = viewed(also(record, told) for record in records_of(PLAN)).active
    assert found.mlps == ("blocks.0.mlp", "blocks.1.mlp", "blocks.2.mlp", "blocks.10.mlp")


def test_without_counts_no_units_are_active() -> None:
    view = viewed(records_of(PLAN))
    assert whole_and_counted(view.good_table) == []
    assert view.active == ()
