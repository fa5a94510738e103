"""Speed-ups beside each other: runtime by runtime, and size by size where a metric was timed at several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from harness.tables.cells import NONE, between, number, percent, scale, significant
from harness.tables.columns import MACS_SAVED
from harness.tables.cutting import across_runtimes, of_outcomes
from harness.tables.derived import SPEEDUPS, TIMED_WORDS
from harness.tables.marks import absent, mark, partly
from harness.tables.panels import RUNTIME, Panel, with_values
from harness.tables.summaries import doubts, measured_structures, speed_interval
from harness.tables.table import Table
from harness.wording import slug

UNITS = {"latency_s": "s", "images_per_s": "/s"}
QUESTION = (
    "Speed-ups over the baseline of the same runtime, timed in turn with it: medians over structures; in brackets the "
    "widest range that their own 95 % intervals over the repeats of one process span. MACs are those of the same image "
    "size, in brackets the size where sizes differ. Where nothing is removed, the rows are absolute."
)


def runtime_tables(panels: Sequence[Panel]) -> tuple[Table, ...]:
    """One table for each family of panels of several runtimes: a row per amount, a column per runtime."""
    pairs = zip(across_runtimes(panels), of_outcomes(panels), strict=True)
    found = (_by_runtime(members, named) for members, named in pairs if len(members) > 1)
    return tuple(table for table in found if table is not None)


def size_tables(panels: Sequence[Panel]) -> tuple[Table, ...]:
    """One table for each metric that was timed at several sizes: a row per amount and runtime, a column per size."""
    pairs = zip(across_runtimes(panels), of_outcomes(panels), strict=True)
    found = (_by_size(members, named, metric) for members, named in pairs for metric in SPEEDUPS)
    return tuple(table for table in found if table is not None)


def sizes(members: Sequence[Panel], metric: str) -> tuple[str, ...]:
    """The columns of a metric with a speed-up, that of its first conditions first: `images_per_s@batch=128`."""
    own = (str(name) for panel in members for name in panel.candidates.columns)
    named = [name for name in dict.fromkeys(own) if name.partition("@")[0] == metric]
    return tuple(sorted((n for n in named if any(_timed(p, n) for p in members)), key=lambda name: "@" in name))


def size_words(panel: Panel, columns: Sequence[str]) -> dict[str, str]:
    """`batch 128` for each column of a metric: its batch, and whatever else is not the same in all of them."""
    at = {column: panel.under(column) for column in columns}
    same = _same([*at.values()])
    return {
        column: _spelled({k: v for k, v in held.items() if k == "batch" or k not in same})
        for column, held in at.items()
    }


def _same(conditions: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Conditions that all columns share."""
    first, *others = conditions or ({},)
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def _spelled(conditions: Mapping[str, str]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in conditions.items())


def speed_column(column: str) -> str:
    """The speed-up that belongs to a timed column: `speedup_throughput@batch=128`."""
    metric, sign, at = column.partition("@")
    return f"{SPEEDUPS[metric]}{sign}{at}"


def _timed(panel: Panel, column: str) -> bool:
    """Whether it was timed here, or memory did not suffice for it."""
    rows = panel.candidates
    return bool(len(with_values(rows, speed_column(column)))) or absent(rows, column) != NONE


def _by_runtime(members: Sequence[Panel], named: Panel) -> Table | None:
    columns = [name for metric in SPEEDUPS for name in sizes(members, metric)]
    if not columns:
        return None
    rows: list[tuple[str, ...]] = []
    for column, what in _titles(named, columns).items():
        rows.append((f"{what}: nothing removed", NONE, *(_absolute(panel, column) for panel in members)))
        for level in _levels(members):
            cells = (_speed(panel, level, column) for panel in members)
            rows.append((f"{what}: {named.amount(level)}", _saved(members, level, [column]), *cells))
    header = ("removed", "MACs saved", *(panel.key[RUNTIME] for panel in members))
    notes = (QUESTION, *_doubts(members, columns))
    return Table(f"runtimes-{named.slug}", f"Speed-up by runtime: {named.label}", header, tuple(rows), notes)


def _by_size(members: Sequence[Panel], named: Panel, metric: str) -> Table | None:
    columns = sizes(members, metric)
    if len(columns) < 2:
        return None
    rows: list[tuple[str, ...]] = []
    for panel in members:
        name = f"{panel.key[RUNTIME]}: " if len(members) > 1 else ""
        rows.append((f"{name}nothing removed", NONE, *(_absolute(panel, column) for column in columns)))
        for level in panel.levels:
            cells = (_speed(panel, level, column) for column in columns)
            rows.append((f"{name}{panel.amount(level)}", _saved([panel], level, columns), *cells))
    header = ("removed", "MACs saved", *size_words(named, columns).values())
    title = f"Speed-up by size ({TIMED_WORDS[metric]}): {named.label}"
    notes = (QUESTION, *_doubts(members, columns))
    return Table(f"sizes-{slug(TIMED_WORDS[metric])}-{named.slug}", title, header, tuple(rows), notes)


def _levels(members: Sequence[Panel]) -> list[float]:
    return sorted({level for panel in members for level in panel.levels})


def _titles(panel: Panel, columns: Sequence[str]) -> dict[str, str]:
    """`throughput, batch 128`: a timed metric and its size."""
    found: dict[str, str] = {}
    for metric, word in TIMED_WORDS.items():
        words = size_words(panel, [name for name in columns if name.partition("@")[0] == metric])
        found |= {column: ", ".join(filter(None, (word, size))) for column, size in words.items()}
    return found


def _absolute(panel: Panel, column: str) -> str:
    rows = measured_structures(panel.baselines)
    held = with_values(rows, column)
    if not len(held):
        return absent(rows, column)
    middle = float(np.median(held[column]))
    by = scale([middle], UNITS[column.partition("@")[0]])
    return f"{significant(by.of(middle))} {by.unit}{mark(held, column)}{partly(rows, column)}"


def _speed(panel: Panel, level: float, column: str) -> str:
    rows = measured_structures(panel.at(level))
    name = speed_column(column)
    held = with_values(rows, name)
    if not len(held):
        return absent(rows, column)
    interval = speed_interval(held, name)
    text = number(float(np.median(held[name])), 2)
    told = text + " " + between(interval, digits=2) if interval else text
    return told + mark(held, column) + partly(rows, column)


def _saved(members: Sequence[Panel], level: float, columns: Sequence[str]) -> str:
    """The share of MACs at the image sizes of some timed columns, in their order; the same in every runtime."""
    names = {p.saved(column): p.under(column).get("image_size", "own size") for p in members for column in columns}
    held = {size: pd.concat([with_values(p.at(level), name)[name] for p in members]) for name, size in names.items()}
    shares = {size: percent(float(found.mean())) if len(found) else NONE for size, found in held.items()}
    return ", ".join(f"{share} ({size})" if len(shares) > 1 else share for size, share in shares.items())


def _doubts(members: Sequence[Panel], columns: Sequence[str]) -> tuple[str, ...]:
    parts = [part for panel in members for part in (panel.baselines, panel.candidates)]
    rows = measured_structures(pd.concat(parts, ignore_index=True))
    note = (members[0].note,) if members[0].note else ()
    return (*_shared(members[0], columns), *doubts(rows, [*columns, MACS_SAVED]), *note)


def _shared(panel: Panel, columns: Sequence[str]) -> Iterator[str]:
    """Conditions beside the size that are no defaults, metric by metric."""
    for metric, word in TIMED_WORDS.items():
        own = [panel.under(name) for name in columns if name.partition("@")[0] == metric]
        rest = {key: value for key, value in _same(own).items() if key != "batch"}
        if rest:
            yield f"All of {word}: {_spelled(rest)}."
