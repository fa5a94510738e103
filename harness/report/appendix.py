"""The plain tables behind an answer: failures, data, environment, trials, and what each column means."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import pandas as pd

from harness.records import Environment
from harness.report.view import View
from harness.schema import Json
from harness.tables.cells import NONE, between, number, percent, significant
from harness.tables.columns import BESIDE, OUTCOME, companion
from harness.tables.marks import MARKS, OUT_OF_MEMORY, beside, is_out_of_memory
from harness.tables.shares import wilson_interval
from harness.tables.summaries import doubts, measured_structures
from harness.tables.table import Table

SHOWN_HASH = 16
MOST_VALUES = 3  # of a fact in which trials of one environment differ
AXES = ("model", "target", "criterion", "count", "draw", "recovery", "runtime", "model_seed")
VALUES: dict[str, tuple[str, Callable[[float | None], str]]] = {
    OUTCOME: ("test top-1", percent),
    "top5": ("test top-5", percent),
    f"{OUTCOME}_validation": ("validation top-1", percent),
    f"{OUTCOME}_drop": ("drop", percent),
    "macs": ("MACs", lambda value: significant(value, 4)),
    "macs_saved": ("MACs saved", percent),
    "params_saved": ("parameters saved", percent),
    "latency_s": ("latency (s)", significant),
    "speedup": ("speed-up", lambda value: number(value, 2)),
    "realised": ("realised", lambda value: number(value, 2)),
    "peak_bytes": ("peak (B)", lambda value: number(value, 0)),
}


def failure_table(view: View) -> Table | None:
    """Trials without measurements: failed, skipped, or planned and without a record."""
    rows = [
        (
            result.info.id,
            result.failure.kind if result.failure else result.status,
            (result.failure.stage if result.failure else None) or NONE,
            result.reason or NONE,
            (result.failure.log if result.failure else None) or NONE,
        )
        for result in view.bad
    ]
    rows += [(trial.id, "missing", NONE, "no run of it has a record", NONE) for trial in view.missing]
    if not rows:
        return None
    return Table(
        "failed",
        "Trials without measurements",
        ("trial", "class", "stage", "message", "log"),
        tuple(rows),
        is_numeric=False,
    )


def data_table(view: View) -> Table | None:
    """Fingerprints of every part of the data that a measured trial used."""
    rows: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for result in view.good:
        for part, info in result.data.items():
            key = (result.info.data, part, info.sha256)
            rows.setdefault(key, (result.info.data, part, str(info.items), info.sha256[:SHOWN_HASH], info.transform))
    if not rows:
        return None
    notes = (f"SHA-256 of the decoded items before the transform, its first {SHOWN_HASH} digits.",)
    return Table(
        "data", "Data", ("data", "part", "items", "sha256", "transform"), tuple(rows.values()), notes, is_numeric=False
    )


def environment_tables(view: View) -> tuple[Table, ...]:
    """One table per machine class and software, with the number of trials made there."""
    seen: dict[tuple[str, str], list[Environment]] = {}
    for result in view.good:
        if result.environment:
            env = result.environment
            seen.setdefault((env.machine_class, env.software_class), []).append(env)
    return tuple(_environment(f"environment-{i}", found) for i, found in enumerate(seen.values()))


def trial_table(view: View) -> Table | None:
    """Every trial in short; the CSV file has all columns."""
    if not len(view.table):
        return None
    table = view.table
    shown = [name for name in AXES if table[name].dropna().nunique() > 1 or name in ("criterion", "count")]
    values = [name for name in VALUES if name in table and table[name].notna().any()]
    names = ("id", "status", *shown, "removed")
    rows = [(*(_cell(row[name]) for name in names), *(_value(row, name) for name in values)) for row in _rows(table)]
    header = ("trial", *(name.replace("_", " ") for name in names[1:]), *(VALUES[name][0] for name in values))
    brackets = ("In brackets 95 % Wilson intervals over items.",) if any("[" in c for r in rows for c in r) else ()
    notes = (*brackets, *doubts(measured_structures(table[table["status"] == "ok"]), values))
    return Table("trials", "Trials", header, tuple(rows), notes)


def _value(row: Mapping[str, object], name: str) -> str:
    """One value of one trial, with its interval over items or the mark of its timing."""
    value = _float(row[name])
    if value is None or math.isnan(value):
        return OUT_OF_MEMORY if is_out_of_memory(str(row.get(beside(name, "reason")))) else NONE
    interval = wilson_interval(row, name)
    mark = MARKS.get(str(row.get(beside(name, "quality"))), "")
    return f"{VALUES[name][1](value)}{f' {between(interval, 100)}' if interval else ''}{mark}"


def column_table(view: View) -> Table:
    """The column dictionary of trials.csv; what columns add to the metric before them is told once for all."""
    added = {word: None for column in view.columns if (word := companion(column.name)) is not None}
    rows = [(c.name, c.unit or NONE, c.meaning) for c in view.columns if companion(c.name) is None]
    rows += [(f"…_{word}", NONE, BESIDE[word].format("the column before it")) for word in added]
    return Table("columns", "Columns of trials.csv", ("column", "unit", "meaning"), tuple(rows), is_numeric=False)


def retry_command(view: View) -> str:
    """The command that runs failed and missing trials again."""
    return f"{view.index.command} --retry-failed"


def period(view: View) -> str | None:
    """From when to when the shown runs were made, by the records' own clocks."""
    runs = [run for result in view.results for run in result.runs]
    if not runs:
        return None
    first, last = min(run.started for run in runs)[:10], max(run.finished for run in runs)[:10]
    return first if first == last else f"{first} to {last}"


def _environment(name: str, found: list[Environment]) -> Table:
    """What trials of one class ran in; where they differ, every value that a fact had, NONE where one lacks it."""
    told = [dict(_facts(env)) for env in found]
    names = dict.fromkeys(name for facts in told for name in facts)
    values = {name: dict.fromkeys(facts.get(name, NONE) for facts in told) for name in names}
    rows = [("trials", str(len(found))), *((key, _listed(held)) for key, held in values.items())]
    return Table(name, f"Environment {found[0].machine_class}", ("what", "value"), tuple(rows), is_numeric=False)


def _listed(values: Iterable[str]) -> str:
    held = list(values)
    return "; ".join(held) if len(held) <= MOST_VALUES else f"{len(held)} different"


def _facts(env: Environment) -> Iterator[tuple[str, str]]:
    yield "machine class", env.machine_class
    yield from ((f"machine: {key}", value) for key, value in _flat(env.machine))
    yield from (("device", env.device), ("threads", str(env.threads)), ("software class", env.software_class))
    yield from sorted(env.versions.items())
    yield from ((f"harness {key}", value) for key, value in _flat(env.harness))
    yield from ((f"project {key}", value) for key, value in _flat(env.project))
    yield "container", env.container or NONE
    yield from sorted(env.variables.items())


def _flat(values: Mapping[str, Json], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", _plain(value)))
    return found


def _plain(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value) or NONE
    return NONE if value is None else str(value)


def _rows(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _cell(value: object) -> str:
    return NONE if value in (None, "") or value is pd.NA or isinstance(value, float) else str(value)


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) else None
