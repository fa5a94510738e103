"""What a criterion costs: labels, passes over the calibration items, and seconds on the machine that made it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.tables.cells import NONE, significant
from harness.tables.panels import Panel
from harness.tables.selections import Selected, by_criterion
from harness.tables.table import Table

MACHINE = "§"


def price_table(chosen: Sequence[tuple[Panel, Sequence[Selected]]]) -> Table | None:
    """One row per criterion and panel of selections; None where no selection tells anything."""
    rows = tuple(
        _row(f"{name} ({panel.label})" if len(chosen) > 1 else name, own)
        for panel, found in chosen
        for name, own in by_criterion(found).items()
    )
    if not rows:
        return None
    notes = (
        "Passes are over the calibration items, in whole passes of the network (shared work counted once). Medians "
        f"over networks. {MACHINE} Seconds are those of the run that made the selection, on its machine; loading and "
        "training of the network are not in them, and they compare with nothing that another machine did.",
    )
    header = ("criterion", "search", "items", "labels", "forward passes", "backward passes", f"seconds{MACHINE}")
    return Table("prices", "Prices of the criteria", header, rows, notes)


def _row(name: str, own: Sequence[Selected]) -> tuple[str, ...]:
    infos = [one.info for one in own]
    items = {info.items for info in infos if info.items}
    seconds = [one.seconds for one in own if one.seconds is not None]
    return (
        name,
        " or ".join(dict.fromkeys(info.search.replace("_", "-") for info in infos)),
        " or ".join(map(str, sorted(items))) or "none",
        "yes" if any(info.labels_used for info in infos) else "no",
        _passes([info.forward_passes for info in infos]),
        _passes([info.backward_passes for info in infos]),
        significant(float(np.median(seconds))) if seconds else NONE,
    )


def _passes(values: Sequence[float | None]) -> str:
    held = [value for value in values if value is not None]
    if not held:
        return NONE
    middle = float(np.median(held))
    return f"{middle:g}" if middle == round(middle) else significant(middle)
