"""How far criteria rank alike: a matrix of mean Kendall's tau."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.plots.cells import Cells, draw_cells
from harness.plots.drawing import Drawing
from harness.plots.look import paper, short
from harness.tables.assurance import Agreement
from harness.tables.cells import number
from harness.tables.panels import Panel
from harness.wording import counted

FEWEST = 3  # criteria; of two, the table says it in one number
ROW_LETTERS = 54  # that fit beside each other below the matrix
UPRIGHT_LETTERS = 18
UPRIGHT_FROM, MOST_DIGITS = 5, 8


def agreement_matrix(panel: Panel, pairs: Agreement) -> Drawing | None:
    """The lower triangle; None for fewer than three criteria."""
    names = [name for name in panel.criteria if any(name in pair for pair in pairs)]
    if len(names) < FEWEST:
        return None
    table = np.full((len(names) - 1, len(names) - 1), np.nan)
    for (first, second), values in pairs.items():
        low, high = sorted((names.index(first), names.index(second)))
        table[high - 1, low] = float(np.mean(values))
    with paper():
        is_upright = len(names) > UPRIGHT_FROM
        letters = UPRIGHT_LETTERS if is_upright else ROW_LETTERS // len(names)
        columns = tuple(short(name, letters) for name in names[:-1])
        rows, most = tuple(names[1:]), len(names)
        cells = Cells(rows, columns, table, lambda row, column: _figure(table[row, column], most), is_signed=True)
        figure = draw_cells(cells, "", is_upright=is_upright)
    networks = max(len(values) for values in pairs.values())
    caption = (
        f"Agreement of the criteria's rankings ({panel.label}): Kendall's tau-b, mean over "
        f"{counted(networks, 'network')}. 1: the same order, 0: unrelated, −1: reversed; blue above, orange below."
    )
    data = pd.DataFrame(
        {"first": first, "second": second, "tau": float(np.mean(values)), "networks": len(values)}
        for (first, second), values in pairs.items()
    )
    return Drawing(f"agreement-{panel.slug}", f"Agreement between criteria: {panel.label}", caption, figure, data)


def _figure(tau: float, names: int) -> str:
    """As much of a number as a cell has room for: of many criteria one digit, without the nought before it."""
    text = number(tau, 1 if names > MOST_DIGITS else 2)
    return text.removesuffix(".0").replace("0.", ".") if names > MOST_DIGITS else text
