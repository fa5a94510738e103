"""The whole networks of a study side by side: its models as they are, and those that stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from harness.tables.panels import RUNTIME, Panel, with_values
from harness.tables.shares import WILSON, share
from harness.tables.summaries import (
    BRACKET,
    COSTS,
    Cost,
    conditions,
    cost_cell,
    doubts,
    heading,
    measured_structures,
    scale_of,
)
from harness.tables.table import Table
from harness.wording import slug

FEWEST = 4  # fewer are told from each other where they stand beside the candidates
PLAIN = {"recovery": "none", "transform": "none"}
NEEDED = ("images_per_s", "latency_s", "prefill_tokens_per_s", "decode_tokens_per_s", "peak_bytes")
OF_WHOLE = ("macs", "params", "kv_cache_bytes", "energy_j_per_image", *NEEDED)
ALONE = "Each was trained by itself, and timed in a process of its own, which can differ by itself."


@dataclass(frozen=True)
class Networks:
    """Trials of whole networks by model; `panel` is one of those that they stand beside."""

    panel: Panel
    rows: dict[str, pd.DataFrame]

    @property
    def label(self) -> str:
        """The data, and the runtime that costs are of."""
        return ", ".join(self.panel.key[name] for name in ("data", RUNTIME))

    @property
    def slug(self) -> str:
        """The label as a part of a file name."""
        return slug(self.label)

    @property
    def spread(self) -> str:
        """What error bars and ± are."""
        found = {max(1, rows["model_seed"].nunique()) for rows in self.rows.values()}
        several = f"over {min(found)}{f' to {max(found)}' if len(found) > 1 else ''} seeds of each"
        return f"mean and standard deviation {several}" if max(found) > 1 else "one seed of each, so no spread is known"


def whole_networks(panels: Sequence[Panel]) -> tuple[Networks, ...]:
    """Those of each data, runtime and machine that are several, and of which more than counts is known."""
    found: dict[tuple[str, ...], Networks] = {}
    for panel in panels:
        if any(panel.key[name] not in ("", plain) for name, plain in PLAIN.items()):
            continue
        key = tuple(panel.key[name] for name in ("data", RUNTIME, "machine_class"))
        own = found.setdefault(key, Networks(panel, {})).rows
        for rows in (panel.own_baselines, panel.references):
            for model, trials in rows.groupby("model", sort=False) if len(rows) else ():
                own.setdefault(str(model), trials)
    return tuple(one for one in found.values() if len(one.rows) >= FEWEST and _is_measured(one))


def _is_measured(one: Networks) -> bool:
    """Whether of some network its outcome is known, and what a machine needs for it."""
    judged = (rows for rows in one.rows.values() if len(with_values(rows, one.panel.quality.column)))
    return any(len(with_values(rows, column)) for rows in judged for column in NEEDED)


def network_tables(panels: Sequence[Panel]) -> tuple[Table, ...]:
    """What each whole network reaches, and what it needs."""
    return tuple(map(_table, whole_networks(panels)))


def _table(one: Networks) -> Table:
    judged = one.panel.quality
    own = {name: rows[rows[RUNTIME] == one.panel.key[RUNTIME]] for name, rows in one.rows.items()}
    everything = measured_structures(pd.concat(list(own.values()), ignore_index=True))
    shown = [c for c in COSTS if c.column in OF_WHOLE and c.column in everything and _has(everything, c)]
    scales = {cost.column: scale_of(everything, cost) for cost in shown}
    rows = [
        (
            name,
            share(one.rows[name], judged.column),
            *(cost_cell(measured_structures(own[name]), cost, scales[cost.column]) for cost in shown),
        )
        for name in one.rows
    ]
    notes = [f"Test {judged.word}{judged.in_unit}; {one.spread}. {ALONE}"]
    notes += [WILSON] if any(BRACKET in row[1] for row in rows) else []
    notes += [f"Conditions: {told}."] if (told := conditions(one.panel, shown)) else []
    notes += doubts(everything, [cost.column for cost in shown])
    notes += [one.panel.note] if one.panel.note else []
    header = ("network", judged.word, *(heading(cost, scales[cost.column]) for cost in shown))
    return Table(f"networks-{one.slug}", f"Whole networks: {one.label}", header, tuple(rows), tuple(notes))


def _has(rows: pd.DataFrame, cost: Cost) -> bool:
    return len(with_values(rows, cost.column)) > 0
