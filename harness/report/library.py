"""The tables of a study, in the order in which a reader wants them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.across import across, across_table
from harness.report.comparisons import Comparison, comparison_table, others, primary
from harness.report.documents import document_table
from harness.report.exams import exam_table
from harness.report.networks import network_pairs, network_table, pair_table
from harness.report.view import View
from harness.resampling import crossed
from harness.tables.assurance import agreement, agreement_table, score_table, stability_table
from harness.tables.budgets import target_tables
from harness.tables.items import item_differences, seen
from harness.tables.networks import network_tables
from harness.tables.optima import optimum_table, standings
from harness.tables.outcomes import arithmetic_tables, outcome_table
from harness.tables.prices import price_table
from harness.tables.publications import published_tables
from harness.tables.recommending import recommendation_table, set_table
from harness.tables.recovered import kept, recovery_tables
from harness.tables.robustness import robustness_table
from harness.tables.runtimes import runtime_tables, size_tables
from harness.tables.sublayers import judged_tables, sublayer_tables
from harness.tables.summaries import accuracy_table, cost_tables
from harness.tables.table import Table
from harness.tables.verdicts import baseline_table, contrast_table


def every_table(view: View) -> tuple[Table, ...]:
    """All tables of the report."""
    of_study = study_tables(view, primary(view), others(view))
    return (*tables_of_recommendations(view), *of_study, *tables_of_sublayers(view))


def tables_of_recommendations(view: View) -> tuple[Table, ...]:
    """What to remove under each limit, and the sublayers by name."""
    found = view.recommendations
    tables = (recommendation_table(found, view.machines), set_table(found, view.machines))
    return tuple(table for table in tables if table is not None)


def study_tables(view: View, contrast: Comparison | None, rest: Sequence[Comparison]) -> tuple[Table, ...]:
    """The tables that the records can fill, without recommendations and those of single sublayers."""
    return tuple(table for table in _tables(view, contrast, rest) if table is not None)


def tables_of_sublayers(view: View) -> tuple[Table, ...]:
    """What each sublayer costs, and how each criterion judges it."""
    found = view.taken_apart
    return (*sublayer_tables(found, view.chosen), *judged_tables(found, view.chosen))


def _tables(view: View, contrast: Comparison | None, rest: Sequence[Comparison]) -> Iterator[Table | None]:
    named = (*(view.contrast or ()), *view.index.random_criteria)
    needs = network_tables(view.panels)
    yield from needs
    yield network_table(view, is_told=bool(needs))
    yield from map(accuracy_table, view.outcomes if view.asks_quality else ())
    yield from map(outcome_table, view.outcomes)
    yield from arithmetic_tables(view.panels)
    yield from (robustness_table(panel, named) for panel in view.outcomes)
    yield from target_tables(view.outcomes)
    yield comparison_table(contrast, rest, view.index.random_criteria)
    yield pair_table(network_pairs(view))
    yield across_table(across(view))
    yield from cost_tables(view.panels)
    yield from runtime_tables(view.panels)
    yield from size_tables(view.panels)
    yield baseline_table(view.outcomes, view.checkpoint_tests)
    yield document_table(view.outcomes, view.document_tests)
    yield exam_table(view.outcomes, view.exam_tests)
    for panel in view.outcomes:
        if view.checkpoint_tests and view.contrast is not None and set(view.contrast) <= set(panel.criteria):
            results = view.shelf.of(panel.candidates["id"])
            over_all = crossed(item_differences(seen(panel, results, view.contrast), *view.contrast))
            yield contrast_table(panel, view.checkpoint_tests, view.contrast, over_all)
    for panel, chosen in view.chosen:
        yield optimum_table(panel, standings(chosen))
        yield stability_table(panel, chosen)
        yield score_table(panel, chosen)
        yield agreement_table(panel, agreement(chosen))
    yield price_table(view.chosen)
    yield from recovery_tables(kept(view.outcomes))
    yield from published_tables(view.index.references, view.rows, view.table)
