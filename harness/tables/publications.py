"""Published values beside our own: the same network, the same set removed, the same kind of data; else not measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from harness.published import Group, Publication, Value, names, plain_name, publication
from harness.schema import Options, canonical
from harness.tables.cells import NONE, between, number, scale, significant
from harness.tables.facts import NETWORK, RECIPE, TRANSFORMS
from harness.tables.marks import mark
from harness.tables.shares import wilson_interval
from harness.tables.summaries import doubts, measured_structures
from harness.tables.table import Table

DATA = "imagenet"  # the label of data that published accuracies of vision models speak of
ABSENT = "not measured here"
FROM_SPEEDUP = {"images_per_s_gain": "speedup_throughput"}  # a published gain is our ratio less one
UNITS = {"params": "parameters"}
HEADER = ("model", "removed", "metric", "published", "ours", "difference", "note")

Own = dict[str, list[int]]  # rows of our trials by how their values came about


def wanted(references: Sequence[Options]) -> tuple[str, ...]:
    """The publications that a study names, known or not."""
    return tuple(dict.fromkeys(str(one["published"]) for one in references if "published" in one))


def published_tables(references: Sequence[Options], rows: pd.DataFrame, table: pd.DataFrame) -> Iterator[Table]:
    """Of the publications that a study names, each group of values of which any was measured; the rest in one table.

    `table` is the trials table of these rows.
    """
    is_like = (rows["status"] == "ok") & rows["data"].astype(str).str.lower().str.startswith(DATA)
    facts, table = _known(rows[is_like]), table[is_like]
    for name in (name for name in wanted(references) if name in names()):
        source = publication(name)
        apart: list[tuple[str, ...]] = []
        for number_, group in enumerate(source.groups):
            held = tuple(row for value in group.values for row in _rows(value, facts, table))
            if all(row[4] == ABSENT for row in held):
                apart.append((group.title, str(len(group.values)), group.protocol))
                continue
            title = f"{source.title}: {group.title}"
            notes = (*_notes(group, source.source), *_doubts(group, facts, table))
            yield Table(f"published-{name}-{number_}", title, HEADER, held, notes)
        if apart:
            yield _unmeasured(source, apart)


def _unmeasured(source: Publication, rows: Sequence[tuple[str, ...]]) -> Table:
    """Groups of values that nothing here can stand beside: how many, and how they were measured."""
    return Table(
        f"published-{source.name}",
        f"{source.title}: published and not measured here",
        ("table", "values", "protocol"),
        tuple(rows),
        (f"Source: {source.source}; the values are in the package, harness/published/{source.name}.yaml.",),
        is_numeric=False,
    )


def _notes(group: Group, source: str) -> tuple[str, ...]:
    return (
        f"Published: {group.source} ({source}). Protocol: {group.protocol}.",
        f"Ours: trials of the same architecture with the same sublayers removed, on data labelled {DATA}, mean over "
        "networks (of one network with its 95 % Wilson interval over items), with the training they had; difference: "
        "ours − published. Another recipe is another experiment.",
    )


def _rows(value: Value, facts: pd.DataFrame, table: pd.DataFrame) -> list[tuple[str, ...]]:
    head = (value.model, _removed(value), value.metric.replace("_", " "), _shown(value.value, value))
    own = _ours(value, facts, table)
    if not own:
        return [(*head, ABSENT, NONE, value.note or NONE)]
    return [_compared(head, value, how, table.iloc[places]) for how, places in own.items()]


def _compared(head: tuple[str, ...], value: Value, how: str, rows: pd.DataFrame) -> tuple[str, ...]:
    column = _column(value)
    mean = float(np.mean(rows[column].astype(float))) - (value.metric in FROM_SPEEDUP)
    difference = _shown(mean - value.value, value)
    sign = "+" if mean > value.value and difference != _shown(0.0, value) else ""
    notes = "; ".join(part for part in (how, value.note) if part)
    doubt = mark(rows, column)
    return (*head, f"{_shown(mean, value)}{_interval(rows, value)}{doubt}", f"{sign}{difference}{doubt}", notes or NONE)


def _interval(rows: pd.DataFrame, value: Value) -> str:
    """Of a single checkpoint's share of items its 95 % Wilson interval, in per cent."""
    found = wilson_interval(rows.iloc[0], _column(value)) if len(rows) == 1 else None
    return f" {between(found, 100, value.digits)}" if found else ""


def _doubts(group: Group, facts: pd.DataFrame, table: pd.DataFrame) -> tuple[str, ...]:
    """What the marks mean, and what makes counts doubtful, of the trials that stand beside published values."""
    used = {place for value in group.values for places in _ours(value, facts, table).values() for place in places}
    columns = [_column(value) for value in group.values]
    return doubts(measured_structures(table.iloc[sorted(used)]), columns)


def _column(value: Value) -> str:
    return FROM_SPEEDUP.get(value.metric, value.metric)


def _removed(value: Value) -> str:
    if value.count == 0 and not value.removed:
        return "nothing"
    sets = "; ".join(f"{kind} {', '.join(map(str, places))}" for kind, places in (value.removed or {}).items())
    merged = f" + {' '.join(map(str, _flat(value.transform)))}" if value.transform else ""
    return (sets or f"{value.count} {value.target} by {value.criterion}") + merged


def _flat(options: Options) -> list[object]:
    return [word for key, item in options.items() for word in ((item,) if key == "name" else (key, item))]


def _shown(amount: float, value: Value) -> str:
    """Shares in per cent (differences in points), bytes with their prefix, others as they are."""
    if value.unit == "1":
        return f"{number(100 * amount, value.digits)} %"
    if value.unit == "x":
        return f"{number(amount, value.digits)}×"
    by = scale([amount], value.unit)
    return f"{significant(by.of(amount))} {by.unit}"


def _ours(value: Value, facts: pd.DataFrame, table: pd.DataFrame) -> Own:
    found: Own = {}
    column = _column(value)
    if column not in table or value.architecture is None or value.removed is None:
        return found
    same = facts["architecture"] == value.architecture
    same &= facts[RECIPE] == canonical({kind: list(places) for kind, places in value.removed.items()})
    same &= facts["changes"] == canonical([value.transform] if value.transform else [])
    for place in np.flatnonzero(same & table[column].notna()):
        found.setdefault(str(facts["how"].iloc[place]), []).append(int(place))
    return found


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    """What decides whether a trial stands beside a published value, and how that trial came about."""
    transforms = rows[TRANSFORMS].astype(object).fillna("[]")
    architectures = {told: plain_name(json.loads(told)[0]) for told in rows[NETWORK].unique()}
    changes = {told: canonical(_changes(told)) for told in transforms.unique()}
    trained = rows["recovery"].where(rows["recovery"] != "none", "no training")
    how = [
        ", ".join(word for word in pair if isinstance(word, str) and word)
        for pair in zip(trained, rows["removal"], strict=True)
    ]
    return pd.DataFrame(
        {
            "architecture": rows[NETWORK].astype(object).map(architectures),
            RECIPE: rows[RECIPE].astype(object).fillna("{}"),
            "changes": transforms.map(changes),
            "how": how,
        }
    )


def _changes(told: str) -> list[Options]:
    """The transforms of a trial, less the stage that they begin at."""
    given = json.loads(told)
    held = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return [{key: item for key, item in one.items() if key != "from"} for one in held]
