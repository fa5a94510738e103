"""Every table of a study, in the order in which a reader wants them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.across import across, across_table
from harness.report.comparisons import Comparison, comparison_table
from harness.report.view import View
from harness.tables.assurance import agreement, agreement_table, score_table, stability_table
from harness.tables.budgets import target_tables
from harness.tables.items import mcnemar_table
from harness.tables.optima import optimum_table, standings
from harness.tables.prices import price_table
from harness.tables.publications import published_tables
from harness.tables.recovered import kept, recovery_tables
from harness.tables.summaries import accuracy_table, cost_tables
from harness.tables.table import Table


def every_table(view: View, contrast: Comparison | None, rest: Sequence[Comparison]) -> tuple[Table, ...]:
    """The tables that the records can fill."""
    return tuple(table for table in _tables(view, contrast, rest) if table is not None)


def _tables(view: View, contrast: Comparison | None, rest: Sequence[Comparison]) -> Iterator[Table | None]:
    yield from map(accuracy_table, view.panels)
    yield from target_tables(view.panels)
    yield comparison_table(contrast, rest, view.index.random_criteria)
    yield across_table(across(view))
    yield from cost_tables(view.panels)
    for panel in view.panels:
        if view.contrast is not None and set(view.contrast) <= set(panel.criteria):
            yield mcnemar_table(panel, view.results, *view.contrast)
    for panel, chosen in view.chosen:
        yield optimum_table(panel, standings(chosen))
        yield stability_table(panel, chosen)
        yield score_table(panel, chosen)
        yield agreement_table(panel, agreement(chosen))
    yield price_table(view.chosen)
    yield from recovery_tables(kept(view.panels))
    yield from published_tables(view.index.references, view.results, view.table)
