"""Every figure of a study as its report shows it, drawn for a column of a paper or across its page."""

from __future__ import annotations

from harness.plots.drawing import Drawing
from harness.plots.gallery import Beside, gallery
from harness.plots.look import Size, sized
from harness.report.view import View
from harness.tables.published_accuracies import published_accuracies
from harness.tables.trainings import trainings


def figures(seen: View, size: Size = "column") -> tuple[Drawing, ...]:
    """The figures that the records can fill."""
    index = seen.index
    published = published_accuracies(index.references, seen.rows)
    beside = Beside(trainings(seen.rows), published, seen.active, seen.good_table)
    with sized(size):
        return gallery(seen.panels, seen.criteria, index.random_criteria, seen.chosen, seen.taken_apart, beside)
