"""The tables of a report: accuracy by criterion and count, costs by count, differences between criteria."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from harness.stats import Interval
from harness.tables.cells import Scale, between, number, percent, scale, significant
from harness.tables.marks import OF_MACS, absent, count_notes, mark, mark_notes, partly, with_word
from harness.tables.panels import Panel, with_values
from harness.tables.shares import WILSON, share
from harness.tables.table import Table
from harness.tables.winners import winners

BRACKET = "["
TIMED = (
    "Medians of times, means of other costs, over the structures measured. Times of two rows come from two processes, "
    "which can differ; a speed-up compares two networks in one. Beside it stands the widest range that the structures' "
    "own 95 % intervals span."
)


def accuracy_table(panel: Panel) -> Table:
    """Mean ± standard deviation over networks for each criterion and amount; the baseline on top."""
    judged = panel.quality
    column = judged.column
    rows = [("none (baseline)", *[share(panel.baselines, column)] * len(panel.levels))]
    for criterion in panel.criteria:
        rows.append((criterion, *(share(panel.trials(criterion, level), column) for level in panel.levels)))
    notes = [f"Test {judged.word}{judged.in_unit}; {panel.spread}."]
    notes += [WILSON] if any(BRACKET in cell for row in rows for cell in row[1:]) else []
    if panel.candidates["draw"].notna().any():
        notes.append("Draws of a random criterion are averaged within a network first.")
    if panel.per_unit(column).isna().any(axis=None):
        notes.append("Some trials are missing or failed, so cells may rest on fewer networks.")
    if panel.cost:
        notes.append(f"Columns: share of the {panel.cost} that was to be saved; the set that saves nearest to it.")
    header = ("criterion", *map(panel.amount, panel.levels))
    title = f"{judged.title} by criterion and {'budget' if panel.cost else 'count'}: {panel.label}"
    best = winners(panel)
    notes += [best.note] if best.note else []
    bold = frozenset((panel.criteria.index(name) + 1, place + 1) for place, name in best.by_level.items())
    return Table(f"{judged.slug}-{panel.slug}", title, header, tuple(rows), _noted(notes, panel), bold=bold)


@dataclass(frozen=True)
class Cost:
    """One column of the cost table: where its numbers are, and how they are written."""

    column: str
    heading: str
    unit: str | None  # None: written as it is stored, without a prefix
    write: Callable[[Sequence[float], Scale], str]


def scale_of(rows: pd.DataFrame, cost: Cost) -> Scale:
    """The prefix that a column of the cost table is written with."""
    return (
        Scale(1.0, "") if cost.unit is None else scale(with_values(rows, cost.column)[cost.column].unique(), cost.unit)
    )


def _mean(values: Sequence[float], by: Scale) -> str:
    return significant(by.of(float(np.mean(values))))


def _middle(values: Sequence[float], by: Scale) -> str:
    return significant(by.of(float(np.median(values))))


def _share(values: Sequence[float], _by: Scale) -> str:
    return percent(float(np.mean(values)))


def _times(values: Sequence[float], _by: Scale) -> str:
    return number(float(np.median(values)), 2)


COSTS = (
    Cost("macs", "MACs", "", _mean),
    Cost("macs_saved", "MACs saved", None, _share),
    Cost("params", "parameters", "", _mean),
    Cost("params_saved", "parameters saved", None, _share),
    Cost("latency_s", "latency", "s", _middle),
    Cost("speedup", "speed-up", None, _times),
    Cost("realised", "realised", None, _times),
    Cost("deployed_latency_s", "deployed latency", "s", _middle),
    Cost("speedup_deployed", "gain by folding", None, _times),
    Cost("images_per_s", "items/s", None, _middle),
    Cost("speedup_throughput", "throughput gain", None, _times),
    Cost("prefill_macs_per_token", "MACs a token read", "", _mean),
    Cost("decode_macs_per_token", "MACs a token written", "", _mean),
    Cost("kv_cache_bytes", "KV cache", "B", _mean),
    Cost("kv_cache_saved", "KV cache saved", None, _share),
    Cost("first_token_s", "first token", "s", _middle),
    Cost("prefill_tokens_per_s", "tokens/s read", None, _middle),
    Cost("speedup_prefill", "reading gain", None, _times),
    Cost("decode_tokens_per_s", "tokens/s written", None, _middle),
    Cost("speedup_decode", "writing gain", None, _times),
    Cost("peak_bytes", "peak memory", "B", _mean),
    Cost("energy_j_per_image", "energy per item", "J", _mean),
    Cost("net_energy_j_per_image", "net energy per item", "J", _mean),
)


def cost_table(panel: Panel) -> Table | None:
    """What each amount costs on the machine of the panel, over structures really measured; None when nothing was."""
    parts = (panel.baselines, panel.candidates)
    known = [cost.column for cost in COSTS if any(cost.column in part for part in parts)]
    everything = pd.concat([part[[name for name in known if name in part]] for part in parts], ignore_index=True)
    shown = [cost for cost in COSTS if len(with_values(everything, cost.column))]
    if not shown:
        return None
    scales = {cost.column: scale_of(everything, cost) for cost in shown}
    groups = [("0", measured_structures(panel.baselines))]
    groups += [(_shown(panel, level), measured_structures(panel.at(level))) for level in panel.levels]
    rows = [(name, *(cost_cell(rows, cost, scales[cost.column]) for cost in shown)) for name, rows in groups]
    notes = [TIMED if any(cost.write in (_middle, _times) for cost in shown) else "Means over the structures measured."]
    if any(cost.column == "net_energy_j_per_image" for cost in shown):
        notes.append("Net energy: less what the idle device takes in the same time.")
    if any(cost.column == "realised" for cost in shown):
        notes.append("Realised: gain in speed over the gain that the saved MACs promise.")
    notes += [f"Conditions: {told}."] if (told := conditions(panel, shown)) else []
    notes += doubts(pd.concat([rows for _, rows in groups], ignore_index=True), [cost.column for cost in shown])
    header = ("removed", *(heading(c, scales[c.column]) for c in shown))
    title = f"Costs by {'budget' if panel.cost else 'count'}: {panel.label}"
    return Table(f"costs-{panel.slug}", title, header, tuple(rows), _noted(notes, panel))


def cost_tables(panels: Sequence[Panel]) -> tuple[Table, ...]:
    """The cost tables that differ: what a criterion or a recovery leaves may cost the same, and is told once."""
    found: dict[tuple[object, ...], tuple[Table, list[str]]] = {}
    for panel in panels:
        table = cost_table(panel)
        if table is not None:
            alike = found.setdefault((table.header, table.rows, table.notes), (table, []))[1]
            alike.append(panel.label)
    return tuple(
        replace(table, notes=(*table.notes, f"The same for {'; '.join(labels[1:])}.")) if labels[1:] else table
        for table, labels in found.values()
    )


def measured_structures(rows: pd.DataFrame, per: Sequence[str] = ()) -> pd.DataFrame:
    """One row per structure that was measured, and value of `per`: rows that show another trial's cost are that's."""
    origin = rows["id"] if "costs_from" not in rows else rows["costs_from"].fillna(rows["id"])
    return rows.assign(origin=origin).drop_duplicates([*per, "origin"])


def speed_interval(rows: pd.DataFrame, name: str = "speedup") -> Interval | None:
    """The widest interval that the measured structures span; None without one."""
    low, high = with_word(name, "low"), with_word(name, "high")
    lows, highs = with_values(rows, low)[low], with_values(rows, high)[high]
    return Interval(float(lows.min()), float(highs.max())) if len(lows) else None


def doubts(rows: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """What a reader of these columns of measured structures must know: marks, repetitions, doubtful counts."""
    counts = count_notes(rows) if set(OF_MACS) & set(columns) else ()
    return (*mark_notes(rows, columns), *counts)


def cost_cell(rows: pd.DataFrame, cost: Cost, by: Scale) -> str:
    """What measured structures need, with a mark of doubt; where nothing is known, why."""
    held = with_values(rows, cost.column)
    if not len(held):
        return absent(rows, cost.column)
    text = cost.write([float(v) for v in held[cost.column]], by)
    if cost.column.startswith("speedup"):
        interval = speed_interval(rows, cost.column)
        text = text + " " + between(interval, digits=2) if interval else text
    return text + mark(held, cost.column) + partly(rows, cost.column)


def conditions(panel: Panel, shown: Sequence[Cost]) -> str:
    """Under which conditions the columns were measured, in words; empty where none has any."""
    return "; ".join(f"{c.heading} at {panel.conditions[c.column]}" for c in shown if c.column in panel.conditions)


def heading(cost: Cost, by: Scale) -> str:
    """The words over a column, with its unit."""
    return f"{cost.heading} ({by.unit})" if by.unit else cost.heading


def _shown(panel: Panel, level: float) -> str:
    return panel.amount(level) if panel.cost else f"{level:g}"


def _noted(notes: Sequence[str], panel: Panel) -> tuple[str, ...]:
    return (*notes, panel.note) if panel.note else tuple(notes)
