"""How far each criterion's ranking agrees with itself on fewer calibration items: a matrix of mean Kendall's tau."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.plots.cells import Cells, draw_cells
from harness.plots.drawing import Drawing
from harness.plots.look import paper
from harness.tables.cells import number
from harness.tables.panels import Panel
from harness.tables.selections import Selected, by_criterion, mean_at, sizes_of

FEWEST = 2  # criteria, and sizes; less than that is a number in the table


def stability_matrix(panel: Panel, found: Sequence[Selected]) -> Drawing | None:
    """A row for each criterion, a column for each number of items; None where there is no matrix to be seen."""
    held = {name: own for name, chosen in by_criterion(found).items() if (own := [s for s in chosen if s.stability])}
    sizes = sorted({size for own in held.values() for size in sizes_of(own)}, key=int)
    if len(held) < FEWEST or len(sizes) < FEWEST:
        return None
    told = [[mean_at(own, "sizes", size, "tau") for size in sizes] for own in held.values()]
    taus = np.array([[np.nan if tau is None else tau for tau in row] for row in told])
    with paper():
        cells = Cells(tuple(held), tuple(sizes), taus, lambda row, column: number(taus[row, column], 2), is_signed=True)
        figure = draw_cells(cells, "calibration items")
    caption = (
        f"Agreement of each criterion with itself on fewer calibration items ({panel.label}): Kendall's tau-b between "
        "its ranking on all items and on subsets of so many, mean over subsets and networks. 1: the same order, "
        "0: unrelated; blue above, orange below."
    )
    rows = zip(held, taus, strict=True)
    data = pd.DataFrame(
        {"criterion": name, "calibration_items": int(size), "tau": tau}
        for name, row in rows
        for size, tau in zip(sizes, row, strict=True)
        if np.isfinite(tau)
    )
    title = f"How sure selections are: {panel.label}"
    return Drawing(f"stability-{panel.slug}", title, caption, figure, data)
