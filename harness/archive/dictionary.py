"""What every column of the trials table and every field of a record means."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from harness.records import Record, StudyIndex
from harness.results import TrialResult
from harness.tables.columns import Column, companion
from harness.tables.fields import meanings_of
from harness.tables.frame import Naming

BETTER = {
    "drop": "lower",
    "saved": "higher",
    "speedup": "higher",
    "speedup_throughput": "higher",
    "realised": "higher",
    "speedup_degradation": "lower",
    "robust_top1": "higher",
}  # of derived columns, by their name or the last word of it


def columns_csv(columns: Sequence[Column], results: Sequence[TrialResult]) -> str:
    """Each column of trials.csv: its unit, which way is better where one is, what it means."""
    naming = Naming.of(results)
    better = {naming.column(m): m.better for result in results for m in result.measurements.values()}
    rows = ((c.name, c.unit, better.get(c.name) or _better(c.name), c.meaning) for c in columns)
    return _csv(("column", "unit", "better", "meaning"), rows)


def fields_csv() -> str:
    """Each field of a record, by its path in the JSON."""
    rows = ((path, kind, meanings_of(owner)[name]) for path, kind, owner, name in _fields(Record, ""))
    return _csv(("field", "type", "meaning"), rows)


def schema_json() -> str:
    """JSON Schemas of the lines of the records' file: the plan, which is the first one, and a record."""
    shapes = {"plan": StudyIndex.model_json_schema(by_alias=True), "record": Record.model_json_schema(by_alias=True)}
    return json.dumps(shapes, indent=1, sort_keys=True) + "\n"


def _better(name: str) -> str:
    base = name.partition("@")[0]
    if companion(name) is not None:
        return ""
    return BETTER.get(base) or BETTER.get(base.rpartition("_")[2], "")


def _fields(shape: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """Path, type, and the part and name that it is explained under; a list is shown as `[]`, a mapping as `{}`."""
    described: Mapping[str, Any] = shape.model_json_schema(by_alias=True)["properties"]
    for name, field in shape.model_fields.items():
        spelled = field.serialization_alias or name
        inner = _inner(field.annotation)
        mark = "" if inner is None else _mark(field.annotation)
        path = f"{prefix}{spelled}{mark}"
        yield path, _kind(described[spelled]), shape.__name__, spelled
        if inner is not None:
            yield from _fields(inner, f"{path}.")


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The part that a field holds, alone, in a list or by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_inner(argument) for argument in get_args(annotation))
    return next((one for one in found if one is not None), None)


def _mark(annotation: Any) -> str:
    origin = getattr(annotation, "__origin__", None)
    return {tuple: "[]", dict: "{}"}.get(origin, "") if origin is not None else ""


def _kind(described: Mapping[str, Any]) -> str:
    """`number`, `string or null`, `list`, `object`; a word of a few is shown with all of them."""
    if "enum" in described:
        return " | ".join(map(str, described["enum"]))
    if "anyOf" in described:
        return " or ".join(dict.fromkeys(_kind(one) for one in described["anyOf"]))
    if "$ref" in described:
        return "object"
    kind = str(described.get("type", "any"))
    return "list" if kind == "array" else kind


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
