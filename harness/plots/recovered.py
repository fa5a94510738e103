"""What training gives back: accuracy by its length, and accuracy before against after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from harness.plots.drawing import Drawing
from harness.plots.look import BASELINE, INK, Look, canvas, legend_above, look_at, paper, short, tiles
from harness.tables.columns import OUTCOME, OUTCOME_WORD
from harness.tables.panels import KEY, Panel, with_values
from harness.tables.recovered import UNTRAINED
from harness.tables.shares import bars, mean_share
from harness.tables.trainings import Training
from harness.wording import slug

FROM_NOTHING = "scratch"  # the kind that does not go on from the network that was cut
FEWEST_LENGTHS, FEWEST_POINTS, MOST_TILES = 2, 4, 8
TILE_LETTERS = 20
WHOLE = "baseline"
MEAN, LOW, HIGH = SHARES = (f"{OUTCOME}_share", f"{OUTCOME}_low_share", f"{OUTCOME}_high_share")


def families(panels: Sequence[Panel]) -> tuple[tuple[Panel, ...], ...]:
    """Panels that differ in their recovery alone, together; those without any other left out."""
    others = [name for name in KEY if name != "recovery"]
    groups: dict[tuple[str, ...], list[Panel]] = {}
    for panel in panels:
        groups.setdefault(tuple(panel.key[name] for name in others), []).append(panel)
    return tuple(tuple(members) for members in groups.values() if len(members) > 1)


def recovery_curves(members: Sequence[Panel], lengths: Mapping[str, Training]) -> Drawing | None:
    """Accuracy by length of training, a tile for each criterion; None where no kind has two."""
    held = {lengths[p.key["recovery"]] for p in members if p.key["recovery"] in lengths}
    units, longest = {one.unit for one in held}, Counter(one.kind for one in held).most_common(1)
    panel, level = members[0], members[0].middle
    rows = [row for member in members for row in _rows(member, lengths, level)]
    criteria = [name for name in dict.fromkeys(row["series"] for row in rows) if name != WHOLE]
    if len(units) != 1 or longest[0][1] < FEWEST_LENGTHS or not criteria:
        return None
    data, names = pd.DataFrame(rows), criteria[:MOST_TILES]
    kinds = [kind for kind in dict.fromkeys(data["kind"]) if kind != UNTRAINED]
    with paper():
        figure, places = tiles(len(names), 2.0)
        for axes, name in zip(places, names, strict=True):
            for place, kind in enumerate(kinds):
                _draw_kind(axes, data, name, kind, look_at(place))
            _draw_baselines(axes, data)
            _scale(axes, sorted(set(data["length"])))
            axes.set_title(short(name, TILE_LETTERS), loc="left", pad=2)
        figure.supylabel(f"test {OUTCOME_WORD} (%)", fontsize=9)
        figure.supxlabel(f"{units.pop()} of training after the removal", fontsize=9)
        legend_above(figure, places[0])
    named = panel.label_without("recovery")
    caption = (
        f"Test {OUTCOME_WORD} by the length of the training after the removal, {panel.amount(level)} removed "
        f"({named}): {panel.spread}. 0: no training. Stars: the whole network after the same training, "
        "which is what a candidate is compared with."
    )
    if len(criteria) > MOST_TILES:
        caption += f" Shown are the first {MOST_TILES} of {len(criteria)} criteria; the data of the figure have all."
    data = data.rename(columns={"removed": panel.amount_column})
    return Drawing(f"recovery-{slug(named)}", f"Accuracy by length of recovery: {named}", caption, figure, data)


def before_after(members: Sequence[Panel]) -> Drawing | None:
    """Accuracy after each recovery against that without any; None where too few amounts and criteria have both."""
    start = next((panel for panel in members if panel.key["recovery"] == UNTRAINED), None)
    if start is None:
        return None
    pairs = {panel.key["recovery"]: _pairs(start, panel) for panel in members if panel is not start}
    pairs = {name: found for name, found in pairs.items() if len(found) >= FEWEST_POINTS}
    if not pairs:
        return None
    with paper():
        figure, axes = canvas(3.0)
        for place, (name, found) in enumerate(pairs.items()):
            look = look_at(place)
            x, y = 100 * found["before_share"], 100 * found["after_share"]
            axes.plot(x, y, color=look.colour, marker=look.marker, linestyle="none", label=name, zorder=3)
        lowest, highest = axes.get_xlim()
        ends = [lowest, max(highest, axes.get_ylim()[1])]
        axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1, label="no gain")
        axes.set_xlabel(f"test {OUTCOME_WORD} before training (%)")
        axes.set_ylabel("after training (%)")
        legend_above(figure, axes)
    named = start.label_without("recovery")
    caption = (
        f"Test {OUTCOME_WORD} after training against that before any ({named}), a point for each criterion and amount: "
        f"means over {start.networks} network{'s' if start.networks > 1 else ''}. On the dashed line training changes "
        "nothing; where points lie level, it makes up for whichever sublayers went."
    )
    title = f"Accuracy before and after recovery: {named}"
    data = pd.concat([found.assign(recovery=name) for name, found in pairs.items()], ignore_index=True)
    return Drawing(f"before_after-{slug(named)}", title, caption, figure, data)


def _rows(panel: Panel, lengths: Mapping[str, Training], level: float) -> list[dict[str, Any]]:
    """The baseline, and each criterion at one level."""
    label = panel.key["recovery"]
    training = lengths.get(label, Training(UNTRAINED, 0, ""))
    if label not in lengths and label != UNTRAINED:
        return []
    parts = ((name, level, panel.trials(name, level)) for name in panel.criteria)
    found = []
    for name, removed, rows in ((WHOLE, 0.0, panel.baselines), *parts):
        if len(with_values(rows, OUTCOME)):
            value, (down, up) = mean_share(rows), bars(rows)
            told = {"series": name, "kind": training.kind, "length": training.length, "removed": removed}
            found.append(told | dict(zip(SHARES, (value, value - down, value + up), strict=True)))
    return found


def _pairs(start: Panel, panel: Panel) -> pd.DataFrame:
    """Mean accuracies without and with training, criterion by criterion and amount by amount."""
    before, after = start.per_unit(OUTCOME).mean(), panel.per_unit(OUTCOME).mean()
    both = pd.concat([before.rename("before_share"), after.rename("after_share")], axis=1).dropna()
    both.index.names = ["criterion", panel.amount_column]
    return both.reset_index()


def _draw_kind(axes: Axes, data: pd.DataFrame, name: str, kind: str, look: Look) -> None:
    """One kind of training from no training on; one that starts anew has no such point."""
    kinds = [kind] if kind == FROM_NOTHING else [UNTRAINED, kind]
    own = data[(data["series"] == name) & data["kind"].isin(kinds)].sort_values("length")
    if not (own["kind"] == kind).any():
        return
    x, y = own["length"], 100 * own[MEAN]
    reach = np.array([y - 100 * own[LOW], 100 * own[HIGH] - y])
    style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linestyle": look.line, "zorder": 3}
    axes.errorbar(x, y, yerr=reach, elinewidth=0.8, label=kind, **style)


def _draw_baselines(axes: Axes, data: pd.DataFrame) -> None:
    own = data[data["series"] == WHOLE].sort_values("length")
    style: dict[str, Any] = {"color": INK, "marker": BASELINE.marker, "linestyle": "none", "markersize": 6, "zorder": 2}
    axes.plot(own["length"], 100 * own[MEAN], label=WHOLE, **style)


def _scale(axes: Axes, lengths: Sequence[int]) -> None:
    """Lengths are mostly doubled, and none at all has a place beside them."""
    axes.set_xscale("symlog", base=2, linthresh=1)
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(-0.4, max(lengths) * 1.5)
