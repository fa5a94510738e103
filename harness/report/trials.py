"""Every trial as a row of the page, failed and missing ones with their reason; of very many an even part."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.report.view import NO_RECORD, View
from harness.tables.cells import NONE, between, number, percent, significant
from harness.tables.columns import AXES, OUTCOME
from harness.tables.marks import MARKS, OUT_OF_MEMORY, beside, is_out_of_memory
from harness.tables.shares import wilson_interval
from harness.tables.summaries import doubts, measured_structures
from harness.tables.table import Table

MOST_ROWS = 2_000  # that a page shows; trials.csv has all
BASELINE = "baseline"
ALWAYS = ("criterion", "count")
HIDDEN = ("of", "ratio", "baseline")  # axes that others tell
VALUES: dict[str, tuple[str, Callable[[float | None], str]]] = {
    OUTCOME: ("test top-1", percent),
    "top5": ("test top-5", percent),
    f"{OUTCOME}_validation": ("validation top-1", percent),
    f"{OUTCOME}_drop": ("drop", percent),
    "bits_per_byte": ("test bits/byte", lambda value: number(value, 3)),
    "bits_per_byte_validation": ("validation bits/byte", lambda value: number(value, 3)),
    "bits_per_byte_rise": ("added", lambda value: number(value, 3)),
    "perplexity": ("test perplexity", lambda value: number(value, 2)),
    "macs": ("MACs", lambda value: significant(value, 4)),
    "macs_saved": ("MACs saved", percent),
    "params_saved": ("parameters saved", percent),
    "latency_s": ("latency (s)", significant),
    "speedup": ("speed-up", lambda value: number(value, 2)),
    "realised": ("realised", lambda value: number(value, 2)),
    "kv_cache_bytes": ("KV cache (B)", lambda value: number(value, 0)),
    "speedup_prefill": ("reading gain", lambda value: number(value, 2)),
    "speedup_decode": ("writing gain", lambda value: number(value, 2)),
    "peak_bytes": ("peak (B)", lambda value: number(value, 0)),
}

TOLD = (OUTCOME, f"{OUTCOME}_drop", "bits_per_byte", "bits_per_byte_rise", "macs_saved", "speedup", "speedup_decode")


@dataclass(frozen=True)
class Trials:
    """The rows of the page: `frame` in base units, `table` in words, and of each row its criterion and status."""

    frame: pd.DataFrame
    table: Table
    criteria: tuple[str, ...]
    statuses: tuple[str, ...]

    @property
    def told(self) -> tuple[str, ...]:
        """The most important of what was measured of each row, as the table writes it."""
        names = {VALUES[name][0] for name in TOLD}
        places = [place for place, name in enumerate(self.table.header) if name in names]
        header = self.table.header
        return tuple("; ".join(f"{header[place]} {row[place]}" for place in places) for row in self.table.rows)


def trials(view: View, most: int = MOST_ROWS) -> Trials | None:
    """Measured, failed and missing trials; None for a study without any."""
    everything = _with_missing(view)
    if not len(everything):
        return None
    held = _part(everything, most)
    criteria = tuple(str(value) if isinstance(value, str) else BASELINE for value in held["criterion"])
    statuses = tuple(map(str, held["status"]))
    return Trials(held, _table(held, len(everything)), criteria, statuses)


def _with_missing(view: View) -> pd.DataFrame:
    """The trials table, and a row for each planned trial without a record."""
    if not len(view.missing):
        return view.table
    absent = view.missing[["id", *AXES]].astype(object).reset_index(drop=True)
    absent = absent.where(absent.notna(), None).assign(status="missing", reason=NO_RECORD)
    if not len(view.table):
        return absent.reindex(columns=list(dict.fromkeys([*view.table.columns, *absent.columns])))
    types = {name: view.table[name].dtype for name in absent if name in view.table}
    return pd.concat([view.table, absent.astype(types)], ignore_index=True)


def _part(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """All rows, or an even part of them: up to half, or what others leave, for those without measurements."""
    if len(table) <= most:
        return table.reset_index(drop=True)
    good = [place for place, status in enumerate(table["status"]) if status == "ok"]
    bad = [place for place, status in enumerate(table["status"]) if status != "ok"]
    told = _even(bad, max(most // 2, most - len(good)))
    return table.iloc[sorted([*told, *_even(good, most - len(told))])].reset_index(drop=True)


def _even(places: Sequence[int], room: int) -> list[int]:
    """At most so many of them, evenly spaced."""
    many = min(room, len(places))
    return [places[place * len(places) // many] for place in range(many)]


def _table(table: pd.DataFrame, total: int) -> Table:
    shown = [n for n in ("machine_class", *AXES) if n not in HIDDEN and (n in ALWAYS or _varies(table, n))]
    values = [name for name in VALUES if name in table and table[name].notna().any()]
    reason = ["reason"] if table["reason"].notna().any() else []
    names = ("id", "status", *reason, *shown)
    rows = [
        (*(_cell(row.get(n)) for n in names), *(_value(row, n) for n in values), _cell(row.get("removed")))
        for row in _rows(table)
    ]
    header = ("trial", *(n.replace("_", " ") for n in names[1:]), *(VALUES[n][0] for n in values), "removed")
    notes = (
        [f"Shown are {len(table)} of {total} trials, evenly spaced; trials.csv has all."] if len(rows) < total else []
    )
    notes += ["In brackets 95 % Wilson intervals over items."] if any("[" in c for r in rows for c in r) else []
    notes += doubts(measured_structures(table[table["status"] == "ok"]), values)
    return Table("trials", "Trials", header, tuple(rows), tuple(notes))


def _varies(table: pd.DataFrame, name: str) -> bool:
    return bool(table[name].dropna().nunique() > 1)


def _value(row: Mapping[str, object], name: str) -> str:
    """One value of one trial, with its interval over items or the mark of its timing."""
    value = _float(row[name])
    if value is None or math.isnan(value):
        return OUT_OF_MEMORY if is_out_of_memory(str(row.get(beside(name, "reason")))) else NONE
    interval = wilson_interval(row, name)
    mark = MARKS.get(str(row.get(beside(name, "quality"))), "")
    return f"{VALUES[name][1](value)}{f' {between(interval, 100)}' if interval else ''}{mark}"


def _rows(table: pd.DataFrame) -> Sequence[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _cell(value: object) -> str:
    return NONE if value is None or value is pd.NA or isinstance(value, float) else str(value) or NONE


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) else None
