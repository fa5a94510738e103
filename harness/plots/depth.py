"""What each criterion removed, by depth: the share of networks that lost each sublayer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.plots.cells import Cells, by_depth, draw_cells, numbered, row_name
from harness.plots.drawing import Drawing
from harness.plots.look import paper
from harness.tables.panels import Panel

Lost = dict[str, list[int]]  # depths by kind; one kind without a name where only one can go


def depth(panel: Panel) -> Drawing | None:
    """One row per criterion (and kind of sublayer) at the middle amount; None where no place is known."""
    level = panel.middle
    rows = panel.at(level)
    rows = rows[rows["depths"] != ""]
    lost = [_lost(text) for text in rows["depths"]]
    if not lost:
        return None
    kinds = sorted({kind for found in lost for kind in found})
    size = _size(panel, lost, len(kinds))
    shown = [criterion for criterion in panel.criteria if (rows["criterion"] == criterion).any()]
    pairs = [(criterion, kind) for criterion in shown for kind in kinds]
    shares = np.vstack([_shares(rows, lost, criterion, kind, size) for criterion, kind in pairs])
    names = tuple(row_name(*pair) for pair in pairs)
    with paper():
        cells = Cells(names, numbered(size), shares, lambda row, column: f"{100 * shares[row, column]:.0f}")
        figure = draw_cells(cells, "depth (0: next to the input)")
    is_told = panel.of and not panel.cost and not _stacked(panel)
    chance = f" Chance is {100 * level / (panel.of or 1):.3g} %." if is_told else ""
    caption = (
        f"Share of networks (%) whose sublayer at each depth was removed, {_amount(panel, level)} ({panel.label}); "
        f"draws of a random criterion count as networks.{chance}"
    )
    data = by_depth(pairs, "removed_share", shares)
    return Drawing(f"depth-{panel.slug}", f"What was removed, by depth: {panel.label}", caption, figure, data)


def _amount(panel: Panel, level: float) -> str:
    return f"to save {panel.amount(level)}" if panel.cost else f"{panel.amount(level)} removed"


def _lost(text: str) -> Lost:
    """`0 3`, or `attention 0 3 mlp 5`."""
    found: Lost = {}
    kind = ""
    for word in text.split():
        if word.isdecimal():
            found.setdefault(kind, []).append(int(word))
        else:
            kind = word
    return found


def _size(panel: Panel, lost: list[Lost], kinds: int) -> int:
    deepest = max(place for found in lost for places in found.values() for place in places)
    if _stacked(panel):
        return 1 + _deepest(panel)
    return max((panel.of or 0) // (kinds if panel.key["target"] == "joint" else 1), 1 + deepest)


def _stacked(panel: Panel) -> bool:
    """Whether units of one kind lie several to a depth, as the gates of keys and queries do."""
    if panel.key["target"] in ("block", "joint"):
        return False
    names = {name for text in panel.candidates["removed"] for name in str(text).split()}
    return len(names) > 1 + _deepest(panel)


def _deepest(panel: Panel) -> int:
    return max((int(word) for text in panel.candidates["depths"] for word in str(text).split()), default=0)


def _shares(rows: pd.DataFrame, lost: list[Lost], criterion: str, kind: str, size: int) -> np.ndarray:
    own = [found for name, found in zip(rows["criterion"], lost, strict=True) if name == criterion]
    shares = np.zeros(size)
    for found in own:
        shares[found.get(kind, [])] += 1 / len(own)
    return shares
