"""A study is judged by what its records hold: shares of right answers, or bits per byte."""

from __future__ import annotations

import pandas as pd
import pytest
from novels import ADDED, BASE, MLP_COSTS, seen

from harness.report.caveats import caveats
from harness.report.comparisons import comparison_table, others, primary
from harness.report.figures import figures
from harness.report.words import answer
from harness.stats import Interval
from harness.tables.cutting import panels
from harness.tables.qualities import ACCURACY, BITS, asked_of, quality_of, written_as
from harness.tables.summaries import accuracy_table
from harness.tables.winners import winners


def test_a_table_is_judged_by_the_outcome_that_it_has() -> None:
    assert quality_of(pd.DataFrame({"top1": [0.9], "bits_per_byte": [2.0]})) == ACCURACY
    assert quality_of(pd.DataFrame({"top1": [None], "bits_per_byte": [2.0]})) == BITS
    assert quality_of(pd.DataFrame({"macs": [1.0]})) == ACCURACY
    assert asked_of(["perplexity"])
    assert not asked_of(["macs"])


@pytest.mark.parametrize(
    ("column", "written"),
    [("top1", "50.0 ± 14.1"), ("bits_per_byte_validation", "0.500 ± 0.141"), ("perplexity", "0.50 ± 0.14")],
)
def test_outcomes_are_written_in_their_own_unit(column: str, written: str) -> None:
    assert written_as(column).mean([0.4, 0.6]) == written


def test_intervals_have_the_digits_of_their_outcome() -> None:
    assert ACCURACY.between(Interval(0.1, 0.2)) == "[10.0, 20.0]"
    assert BITS.between(Interval(0.1, 0.2), 1) == "[0.1000, 0.2000]"


def test_losses_of_text_are_bits_added_and_perplexity_multiplied() -> None:
    table = seen().table
    rows = table[(table["criterion"] == "random") & (table["target"] == "mlp") & (table["count"] == 2)]
    added = rows["bits_per_byte_rise"].astype(float)
    assert added.mean() == pytest.approx(2 * MLP_COSTS * ADDED["random"], rel=0.05)
    tokens = 2.5  # bytes of a token
    assert rows["perplexity_ratio"].astype(float).to_numpy() == pytest.approx(2 ** (added * tokens).to_numpy())


def test_less_is_better_in_every_comparison() -> None:
    view = seen()
    contrast = primary(view)
    assert contrast is not None
    assert contrast.found.mean > 0  # similarity keeps more than random
    assert "similarity adds 0.118 bits per byte less" in " ".join(answer(view, contrast, others(view)))
    panel = view.outcomes[0]
    assert set(winners(panel).by_level.values()) <= {"similarity"}


def test_the_contrast_of_texts_is_in_bits() -> None:
    view = seen()
    table = comparison_table(primary(view), others(view))
    assert table is not None
    assert table.notes[0].startswith("Test bits per byte of the second criterion minus those of the first")


def test_tables_and_figures_name_the_outcome() -> None:
    view = seen()
    table = accuracy_table(view.outcomes[0])
    assert table.title == "Bits per byte by criterion and count: decoder, attention"
    assert float(table.rows[0][1].partition(" ")[0]) == pytest.approx(BASE, abs=0.1)
    drawn = {drawing.name: drawing for drawing in figures(view)}
    data = drawn["bits_per_byte_count-decoder-attention"].csv.splitlines()[0]
    assert data == "series,removed_count,bits_per_byte,bits_per_byte_low,bits_per_byte_high,interval_over"
    assert "bits_per_byte_cost-decoder-mlp" in drawn


def test_a_study_of_text_is_not_told_that_accuracy_was_not_asked_for() -> None:
    assert not any("ccuracy" in sentence for sentence in caveats(seen()))


def test_recommendations_limit_perplexity_and_judge_on_validation() -> None:
    found = {next(iter(one.bounds)): one for one in seen().recommendations}
    assert set(found) == {"perplexity_ratio", "macs_ratio"}
    limited = found["perplexity_ratio"]
    assert limited.point is not None
    ratio = limited.point.estimate("perplexity_ratio")
    assert ratio is not None
    assert ratio.value <= 1.1
    assert limited.judged == BITS


def test_a_machine_that_measured_costs_alone_is_judged_as_the_study_is() -> None:
    found = seen()
    costs_alone = found.table.assign(machine_class="other")
    costs_alone[[name for name in map(str, costs_alone) if name.startswith("bits_per_byte")]] = None
    both = pd.concat([found.table, costs_alone], ignore_index=True)
    cut = panels(both, found.index.criteria)
    assert {panel.key["machine_class"] for panel in cut} > {"other"}
    assert {panel.quality for panel in cut} == {BITS}
