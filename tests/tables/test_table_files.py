"""Tables with unrounded numbers: each part of a cell in a column, units in names, doubts beside."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from builders import Plan, records_of

from harness.results import latest
from harness.stats import Interval
from harness.tables.cells import Printed, between, number, percent, plus_minus, significant
from harness.tables.cutting import panels
from harness.tables.files import csv_of, write_tables
from harness.tables.frame import conditions, frame
from harness.tables.panels import Panel
from harness.tables.summaries import accuracy_table, cost_table
from harness.tables.table import MOST_ROWS, Table, latex

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "random"), draws=2, counts=(2, 4))


@pytest.fixture(scope="module")
def panel() -> Panel:
    results = latest(records_of(PLAN))
    (found,) = panels(frame(results), PLAN.criteria, conditions(results))
    return found


def read(table: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_of(table))))


def test_accuracies_are_not_rounded(panel: Panel) -> None:
    rows = {row["criterion"]: row for row in read(accuracy_table(panel))}
    values = 100 * np.array(panel.values("top1", "entropy", 4))
    assert float(rows["entropy"]["4 of 8 (%)"]) == pytest.approx(values.mean(), rel=1e-12)
    assert float(rows["entropy"]["4 of 8, standard deviation (%)"]) == pytest.approx(values.std(ddof=1), rel=1e-12)


def test_costs_tell_units_intervals_and_doubts(panel: Panel) -> None:
    table = cost_table(panel)
    assert table is not None
    rows = {row["removed"]: row for row in read(table)}
    assert rows["2"]["latency (ms), note"] == "noisy"
    assert rows["4"]["latency (ms), note"] == ""
    assert float(rows["4"]["speed-up, low"]) < float(rows["4"]["speed-up"]) < float(rows["4"]["speed-up, high"])
    assert rows["0"]["speed-up"] == ""
    assert float(rows["4"]["MACs saved (%)"]) == pytest.approx(100 * panel.values("macs_saved", "entropy", 4)[0])


@pytest.mark.parametrize(
    ("cell", "text", "raw"),
    [
        (number(-1.26), "−1.3", {"value": -1.26}),
        (significant(0.012345), "0.0123", {"value": 0.012345}),
        (percent(0.5004), "50.0 %", {"value": 50.04}),
        (plus_minus(1.234, 0.056, 2), "1.23 ± 0.06", {"value": 1.234, "sd": 0.056}),
        (number(2.0) + " " + between(Interval(1.04, 3.0)), "2.0 [1.0, 3.0]", {"value": 2.0, "low": 1.04, "high": 3.0}),
    ],
)
def test_a_printed_number_knows_what_was_rounded(cell: str, text: str, raw: dict[str, float]) -> None:
    assert isinstance(cell, Printed)
    assert cell == text
    assert cell.raw == pytest.approx(raw)


def test_every_table_is_three_files(panel: Panel, tmp_path: Path) -> None:
    table = accuracy_table(panel)
    write_tables([table], tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {f"{table.name}.{end}" for end in ("tex", "md", "csv")}


def test_a_wide_table_goes_across_the_page_and_is_shrunk_only_if_it_must() -> None:
    wide = latex(Table("t", "T", tuple("a column of words" for _ in range(6)), (("1",) * 6,)))
    assert r"\begin{table*}" in wide
    assert r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%" in wide
    assert "% needs \\usepackage{booktabs, graphicx}" in wide
    narrow = latex(Table("t", "T", ("a", "b"), (("1", "2"),)))
    assert r"\begin{table}" in narrow
    assert "resizebox" not in narrow


def test_a_table_longer_than_a_page_is_broken_and_its_parts_have_labels_of_their_own() -> None:
    text = latex(Table("long", "T", ("a", "b"), tuple((str(i), "x") for i in range(MOST_ROWS + 1)), ("A note.",)))
    assert text.count(r"\begin{tabular}") == text.count(r"\toprule") == 2
    assert r"\label{tab:long}" in text
    assert r"\label{tab:long-2}" in text
    assert text.count("A note.") == 1
    assert r"\caption{T. Continued.}" in text
