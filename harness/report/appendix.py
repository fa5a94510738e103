"""The plain tables behind an answer: failures, data, environment, and what each column of the trials means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from harness.records import Environment, PartInfo
from harness.report.view import NO_RECORD, View
from harness.schema import Json
from harness.tables.cells import NONE
from harness.tables.columns import BESIDE, companion
from harness.tables.facts import DATA, ENVIRONMENT, FINISHED, LOG, STAGE, STARTED, counts
from harness.tables.table import Table

SHOWN_HASH = 16
TOLD = ["id", "failure", STAGE, "reason", LOG]  # of a trial that has no measurements
MOST_VALUES = 3  # of a fact in which trials of one environment differ


def failure_table(view: View) -> Table | None:
    """Trials without measurements: failed, skipped, or planned and without a record."""
    rows = [
        (trial, *(word if isinstance(word, str) and word else NONE for word in words))
        for trial, *words in _failures(view.bad).itertuples(index=False, name=None)
    ]
    rows += [(trial, "missing", NONE, NO_RECORD, NONE) for trial in view.missing["id"]]
    if not rows:
        return None
    return Table(
        "failed",
        "Trials without measurements",
        ("trial", "class", "stage", "message", "log"),
        tuple(rows),
        is_numeric=False,
    )


def _failures(bad: pd.DataFrame) -> pd.DataFrame:
    """What is told of each; without a class of failure the status stands for it."""
    return bad.assign(failure=bad["failure"].where(bad["failure"].notna(), bad["status"]))[TOLD]


def data_table(view: View) -> Table | None:
    """Fingerprints of every part of the data that a measured trial used."""
    rows: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for data, told in view.good[["data", DATA]].dropna().drop_duplicates().itertuples(index=False, name=None):
        for part, one in json.loads(told).items():
            info = PartInfo.model_validate(one)
            rows.setdefault(
                (data, part, info.sha256), (data, part, str(info.items), info.sha256[:SHOWN_HASH], info.transform)
            )
    if not rows:
        return None
    notes = (f"SHA-256 of the decoded items before the transform, its first {SHOWN_HASH} digits.",)
    return Table(
        "data", "Data", ("data", "part", "items", "sha256", "transform"), tuple(rows.values()), notes, is_numeric=False
    )


def environment_tables(view: View) -> tuple[Table, ...]:
    """One table per machine class and software, with the number of trials made there."""
    seen: dict[tuple[str, str], list[tuple[Environment, int]]] = {}
    for told, count in counts(view.good[ENVIRONMENT]):
        env = Environment.model_validate_json(told)
        seen.setdefault((env.machine_class, env.software_class), []).append((env, count))
    return tuple(_environment(f"environment-{i}", found) for i, found in enumerate(seen.values()))


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
    started, finished = view.rows[STARTED].dropna(), view.rows[FINISHED].dropna()
    if not len(started):
        return None
    first, last = min(started)[:10], max(finished)[:10]
    return first if first == last else f"{first} to {last}"


def _environment(name: str, found: list[tuple[Environment, int]]) -> Table:
    """What trials of one class ran in; where they differ, every value that a fact had, NONE where one lacks it."""
    told = [dict(_facts(env)) for env, _ in found]
    names = dict.fromkeys(name for facts in told for name in facts)
    values = {name: dict.fromkeys(facts.get(name, NONE) for facts in told) for name in names}
    rows = [("trials", str(sum(count for _, count in found))), *((key, _listed(held)) for key, held in values.items())]
    return Table(name, f"Environment {found[0][0].machine_class}", ("what", "value"), tuple(rows), is_numeric=False)


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
