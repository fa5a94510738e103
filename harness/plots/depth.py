"""What each criterion removed, by depth: the share of networks that lost each sublayer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from harness.plots.drawing import Drawing
from harness.plots.look import canvas, paper, short
from harness.tables.panels import Panel

SHARES = LinearSegmentedColormap.from_list("shares", ["#eef3f8", "#9cc9e8", "#3d8fc4", "#0a4f86", "#062b4d"])
DARK, LIGHT = "#10141c", "#fdfdfd"
ROW_IN, MARGIN_IN = 0.27, 0.62
ANNOTATED, MOST_TICKS = 16, 12


def depth(panel: Panel) -> Drawing | None:
    """One row per criterion at the middle count; None where no removed set is known by its places."""
    count = panel.middle
    rows = panel.candidates[(panel.candidates["count"] == count) & (panel.candidates["depths"] != "")]
    places = [[int(place) for place in text.split()] for text in rows["depths"]]
    if not places:
        return None
    size = max(panel.of or 0, 1 + max(place for found in places for place in found))
    shown = [criterion for criterion in panel.criteria if (rows["criterion"] == criterion).any()]
    shares = np.zeros((len(shown), size))
    for criterion, found in zip(rows["criterion"], places, strict=True):
        shares[shown.index(criterion), found] += 1 / int((rows["criterion"] == criterion).sum())
    with paper():
        figure, axes = canvas(MARGIN_IN + ROW_IN * len(shown))
        axes.pcolormesh(shares, cmap=SHARES, vmin=0, vmax=1, edgecolors="none", snap=True)
        _separate(axes, shares.shape)
        if size <= ANNOTATED:
            _annotate(axes, shares)
        axes.set_yticks(np.arange(len(shown)) + 0.5, [short(name, 20) for name in shown])
        ticks = range(0, size, 1 if size <= ANNOTATED else -(-size // MOST_TICKS))
        axes.set_xticks([i + 0.5 for i in ticks], [str(i) for i in ticks])
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.set_xlabel("depth (0: next to the input)")
    of = f" of {panel.of}" if panel.of else ""
    chance = f" Chance is {100 * count / panel.of:.0f} %." if panel.of else ""
    caption = (
        f"Share of networks (%) whose sublayer at each depth was removed, {count}{of} removed ({panel.label}); "
        f"draws of a random criterion count as networks.{chance}"
    )
    return Drawing(f"depth-{panel.slug}", f"What was removed, by depth: {panel.label}", caption, figure)


def _separate(axes: Axes, shape: tuple[int, ...]) -> None:
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.hlines(range(1, shape[0]), 0, shape[1], colors="#ffffff", linewidth=1.6)
    axes.vlines(range(1, shape[1]), 0, shape[0], colors="#ffffff", linewidth=0.8)


def _annotate(axes: Axes, shares: npt.NDArray[np.float64]) -> None:
    for (row, column), share in np.ndenumerate(shares):
        colour = LIGHT if share > 0.45 else DARK
        axes.text(column + 0.5, row + 0.53, f"{100 * share:.0f}", ha="center", va="center", color=colour, fontsize=8)
