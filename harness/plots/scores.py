"""Where each criterion ranks each unit, by depth: mean ranks over networks, unsettled places marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.plots.cells import Cells, by_depth, draw_cells, numbered, row_name
from harness.plots.drawing import Drawing
from harness.plots.look import paper
from harness.tables.panels import Panel
from harness.tables.placing import Placing, placing
from harness.tables.selections import Selected, by_criterion

ROOMY = 8  # columns that hold `12.3`

Array = npt.NDArray[np.float64]


def scores(panel: Panel, found: Sequence[Selected]) -> Drawing | None:
    """One row per criterion (and kind of unit); random ones rank by chance and are left out. None if none is left."""
    held = {name: ranked for name, own in by_criterion(found, drawn=False).items() if (ranked := _ranked(own))}
    if not held:
        return None
    where = placing({unit for own in held.values() for one in own for unit in one.ranks})
    tables = {name: _means(own, where) for name, own in held.items()}
    rows = [(name, row) for name in held for row in range(len(where.kinds))]
    names = tuple(_named(name, where.kinds[row], where) for name, row in rows)
    ranks = np.vstack([tables[name][0][row] for name, row in rows])
    marks = np.vstack([tables[name][1][row] for name, row in rows])
    units = len(where.at)
    with paper():
        shades = 1 - (ranks - 1) / max(1, units - 1)
        written = _written(ranks)
        columns = numbered(len(where.columns))
        cells = Cells(names, columns, shades, lambda row, column: written[row][column], marks if marks.any() else None)
        figure = draw_cells(cells, "depth (0: next to the input)")
    caption = (
        f"Rank of each unit by each criterion ({panel.label}), 1 goes first of {units}: mean over networks, in which "
        "scores are ranked one by one; a search that scores again after each removal is ranked by its order."
    )
    if marks.any():
        caption += " Marked corner: the place is not settled by the calibration items, in half of the networks or more."
    pairs = [(name, where.kinds[row]) for name, row in rows]
    data = by_depth(pairs, "mean_rank", ranks)
    data["is_unsettled"] = by_depth(pairs, "marked", np.where(np.isfinite(ranks), marks, np.nan))["marked"].astype(bool)
    return Drawing(f"scores-{panel.slug}", f"Scores by depth: {panel.label}", caption, figure, data)


def _named(criterion: str, kind: str, where: Placing) -> str:
    return row_name(criterion, kind if len(where.kinds) > 1 else "")


def _ranked(own: Sequence[Selected]) -> list[Selected]:
    return [one for one in own if one.ranks]


def _means(own: Sequence[Selected], where: Placing) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Mean ranks, NaN where nothing is, and whether at least half of the selections leave the place unsettled."""
    shape = len(where.kinds), len(where.columns)
    total, unsettled, seen = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for one in own:
        for unit, rank in one.ranks.items():
            kind, column = where.at[unit]
            place = where.kinds.index(kind), column
            seen[place] += 1
            total[place] += rank
            unsettled[place] += unit in one.unsettled
    means = np.where(seen > 0, total / np.maximum(seen, 1), np.nan)
    return means, (seen > 0) & (unsettled >= np.maximum(seen, 1) / 2)


def _written(ranks: Array) -> list[list[str]]:
    """Whole ranks where all are whole, or where two figures and a decimal would not fit; else one decimal."""
    known = ranks[np.isfinite(ranks)]
    is_narrow = ranks.shape[1] > ROOMY and known.max() >= 10
    digits = 0 if is_narrow or np.allclose(known % 1, 0) else 1
    return [[f"{rank:.{digits}f}" for rank in row] for row in ranks]
