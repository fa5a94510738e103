"""Outcomes beyond top-1, another arithmetic beside plain fp32, and drops on corrupted images."""

from __future__ import annotations

import statistics

from builders import elsewhere, records_of
from timed_records import BF16, PLAN, also, in_runtime, share, timed, viewed

from harness.records import Record
from harness.report.view import View
from harness.stats import wilson
from harness.tables.outcomes import MOST_ROWS, arithmetic_tables, outcome_table
from harness.tables.robustness import robustness_table
from harness.tables.shares import WILSON, bars
from harness.tables.summaries import accuracy_table

SEVERITIES = (1, 5)


def top1(record: Record) -> float:
    return next(m.value or 0.0 for m in record.measurements if (m.metric, m.split) == ("top1", "test"))


def wide() -> View:
    """Also top-5, calibration, and a second test set, on which everything is 10 points worse."""
    made = [
        also(r, share(0.99, "top5"), share(0.04, "ece"), share(top1(r) - 0.1, split="test:real", items=100))
        for r in records_of(PLAN)
    ]
    return viewed(made)


def corrupted() -> View:
    """Every severity costs the baseline 2 points, and a candidate 3."""
    made = []
    for record in records_of(PLAN):
        cost = 0.03 if record.trial.criterion else 0.02
        harms = [
            share(top1(record) - cost * severity, corruption=kind, severity=severity)
            for kind in ("contrast", "jpeg")
            for severity in SEVERITIES
        ]
        made.append(also(record, *harms))
    return viewed(made)


def test_test_sets_and_calibration_have_columns_of_their_own() -> None:
    table = outcome_table(wide().panels[0])
    assert table is not None
    assert table.header == ("criterion, removed", "top-1", "top-5", "ECE", "top-1, real")
    own = [top1(r) for r in records_of(PLAN) if r.trial.criterion == "entropy" and r.trial.count == 4]
    row = next(row for row in table.rows if row[0] == "entropy, 4 of 8")
    assert row[1] == f"{100 * statistics.fmean(own):.1f} ± {100 * statistics.stdev(own):.1f}"
    assert row[3] == "4.0 ± 0.0"
    assert row[4] == f"{100 * (statistics.fmean(own) - 0.1):.1f} ± {100 * statistics.stdev(own):.1f}"


def test_top1_alone_needs_no_further_table() -> None:
    assert outcome_table(viewed(records_of(PLAN)).panels[0]) is None


def test_of_a_single_checkpoint_every_share_has_its_own_interval() -> None:
    records = [r for r in wide().results if r.info.model_seed == 0]
    assert records
    made = [also(r, share(0.99, "top5"), share(0.8, split="test:real", items=100)) for r in one_network()]
    table = outcome_table(viewed(made).panels[0])
    assert table is not None
    bounds = wilson(80, 100)
    assert {row[3] for row in table.rows} == {f"80.0 [{100 * bounds.low:.1f}, {100 * bounds.high:.1f}]"}
    assert WILSON in table.notes


def one_network() -> list[Record]:
    return [r for r in records_of(PLAN) if r.trial.model_seed == 0]


def test_of_many_rows_the_middle_amount_is_shown() -> None:
    plan = elsewhere(PLAN, criteria=tuple("abcdefghijklm"), contrast=None)
    table = outcome_table(viewed([also(r, share(0.99, "top5")) for r in records_of(plan)], plan).panels[0])
    assert table is not None
    assert len(table.rows) == 14 < MOST_ROWS
    assert "Shown is 2 of 8; trials.csv holds every amount." in table.notes


def test_the_timed_arithmetic_stands_named_beside_plain_fp32() -> None:
    view = viewed(timed())
    (table,) = arithmetic_tables(view.panels)
    rows = {row[0]: row[1:] for row in table.rows}
    assert list(rows)[:4] == ["none (baseline), fp32", "none (baseline), bf16", "entropy, fp32", "entropy, bf16"]
    for plain, other in zip(rows["entropy, fp32"], rows["entropy, bf16"], strict=True):
        assert abs(float(plain.split(" ±")[0]) - float(other.split(" ±")[0]) - 1.0) < 0.11
    assert "bf16: single checkpoints move by −1.00 to −1.00 points." in table.notes


def test_the_accuracy_table_of_a_bf16_study_is_that_of_plain_fp32() -> None:
    both = viewed(timed())
    alone = viewed(record for record in timed() if record.trial.runtime == "bf16")
    plain = viewed(record for record in timed() if record.trial.runtime == "fp32")
    expected = accuracy_table(plain.panels[0]).rows
    assert accuracy_table(alone.panels[0]).rows == expected
    assert [accuracy_table(panel).rows for panel in both.panels] == [expected, expected]


def test_runtimes_that_change_no_outcome_have_no_table_of_arithmetic() -> None:
    made = [r for record in records_of(PLAN) for r in (record, in_runtime(record, "eager", {"threads": 1}))]
    assert arithmetic_tables(viewed(made).panels) == ()
    assert BF16 == {"dtype": "bf16"}


def test_corruptions_alone_never_pass_for_the_plain_accuracy() -> None:
    def only(record: Record) -> Record:
        kept = tuple(m for m in record.measurements if m.metric != "top1")
        return also(record.model_copy(update={"measurements": kept}), share(0.5, corruption="contrast", severity=1))

    table = viewed(map(only, records_of(PLAN))).table
    assert "top1" not in table
    assert "top1_drop" not in table
    assert set(table["top1@corruption=contrast,severity=1"]) == {0.5}


def test_the_drop_is_against_the_baseline_on_items_corrupted_alike() -> None:
    view = corrupted()
    table = robustness_table(view.panels[0])
    assert table is not None
    assert table.header == ("criterion, corruption", "as they are", "severity 1", "severity 5")
    rows = {row[0]: row[1:] for row in table.rows}
    clean = float(rows["entropy, contrast"][0].split(" ±")[0])
    for cell, severity in zip(rows["entropy, contrast"][1:], SEVERITIES, strict=True):
        assert abs(float(cell.split(" ±")[0]) - clean - severity) < 0.11  # one point more for each severity
    assert list(rows)[:2] == ["baseline (accuracy), contrast", "baseline (accuracy), jpeg"]


def test_of_many_criteria_those_that_are_named_are_shown() -> None:
    names = tuple(f"c{number}" for number in range(25))
    plan = elsewhere(PLAN, criteria=names, contrast=None)
    harms = [share(0.5, corruption=kind, severity=1) for kind in ("contrast", "jpeg")]
    panel = viewed([also(r, *harms) for r in records_of(plan)], plan).panels[0]
    table = robustness_table(panel, ("c3", "c20"))
    assert table is not None
    assert [row[0] for row in table.rows[2:]] == ["c3, contrast", "c3, jpeg", "c20, contrast", "c20, jpeg"]
    assert "Shown are 2 of 25 criteria; trials.csv holds all." in table.notes


def test_without_corruptions_there_is_no_table() -> None:
    assert robustness_table(viewed(records_of(PLAN)).panels[0]) is None


def test_bars_are_the_deviation_over_networks_or_one_checkpoints_interval() -> None:
    (panel,) = viewed(records_of(PLAN)).panels
    rows = panel.at(4)
    rows = rows[rows["criterion"] == "entropy"]
    values = [float(value) for value in rows["top1"]]
    assert bars(rows) == (statistics.stdev(values), statistics.stdev(values))
    down, up = bars(rows.iloc[:1])
    bounds = wilson(round(values[0] * 360), 360)
    assert (values[0] - down, values[0] + up) == (bounds.low, bounds.high)
    assert bars(rows.iloc[:0]) == (0.0, 0.0)
