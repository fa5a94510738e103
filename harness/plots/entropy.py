"""Entropy by depth, attention beside MLP: the picture from which entropy-guided removal set out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from harness.plots.drawing import Drawing
from harness.plots.look import canvas, legend_above, look_at, paper
from harness.stats import spread
from harness.tables.panels import Panel
from harness.tables.placing import placing
from harness.tables.selections import Selected

CRITERION = "sublayer_entropy"
OF_NETWORKS = ("model", "data", "machine_class")
Curves = dict[str, dict[int, list[float]]]


def entropies(found: Sequence[tuple[Panel, Sequence[Selected]]]) -> tuple[Drawing, ...]:
    """One figure per model and data, over all targets; none where no criterion is the entropy of single sublayers."""
    groups: dict[tuple[str, ...], list[tuple[Panel, list[Selected]]]] = {}
    for panel, chosen in found:
        own = [one for one in chosen if _is_entropy(one)]
        if own:
            groups.setdefault(tuple(panel.key[name] for name in OF_NETWORKS), []).append((panel, own))
    return tuple(_drawing(members) for members in groups.values())


def _is_entropy(one: Selected) -> bool:
    criterion = one.spec.get("criterion")
    return isinstance(criterion, dict) and criterion.get("name") == CRITERION and bool(one.info.scores)


def _drawing(members: Sequence[tuple[Panel, Sequence[Selected]]]) -> Drawing:
    curves, networks = _curves([one for _, own in members for one in own])
    panel = members[0][0]
    with paper():
        figure, axes = canvas(2.4)
        for i, (kind, values) in enumerate(curves.items()):
            places = sorted(values)
            means = [float(np.mean(values[place])) for place in places]
            bars = [spread(values[place]) or 0.0 for place in places]
            look = look_at(i)
            style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": look.line}
            axes.errorbar(places, means, yerr=bars, elinewidth=0.8, label=kind or "block", **style)
        axes.set_xlabel("depth (0: next to the input)")
        axes.set_ylabel("entropy of the output (nats)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        legend_above(figure, axes)
    over = f"mean and standard deviation over {networks} networks" if networks > 1 else "one network"
    model, data = panel.key["model"], panel.key["data"]
    caption = (
        f"Entropy of what each sublayer gives out, by depth ({model}, {data}): {over}. Up to a constant, the sum "
        "of the logarithms of the deviations of its channels over items."
    )
    slug = "-".join(dict.fromkeys((panel.slug.partition(f"-{panel.key['target']}")[0], data)))
    return Drawing(f"entropy-{slug}", f"Entropy by depth: {model}, {data}", caption, figure, _data(curves))


def _data(curves: Curves) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": kind or "block",
            "depth": place,
            "entropy_nats": float(np.mean(values)),
            "deviation_nats": spread(values),
            "networks": len(values),
        }
        for kind, by_place in curves.items()
        for place, values in sorted(by_place.items())
    )


def _curves(own: Sequence[Selected]) -> tuple[Curves, int]:
    where = placing({unit for one in own for unit in one.info.scores})
    curves: Curves = {kind: {} for kind in where.kinds}
    for one in own:
        for unit, score in one.info.scores.items():
            kind, column = where.at[unit]
            curves[kind].setdefault(column, []).append(score)
    return curves, len({one.unit for one in own})
