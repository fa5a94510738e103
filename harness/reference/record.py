"""`reference/record.md`: every field of a record, from its schema."""

from __future__ import annotations

from collections.abc import Iterator

from harness.records import Record
from harness.reference.prose import anchor, page, table
from harness.reference.shapes import Node, takes
from harness.tables.fields import MEANINGS, meanings_of

HEAD = """A record is one JSON file: one run of one trial. The worker writes it the moment the run ends, under
`results/STUDY/TRIAL/RUN.json`, and nothing rewrites it. It holds no host, user or path. Intervals, means and ratios
are in no record: they are computed when records are read. Values are base units (s, B, J); a metric says which way is
better."""


def record() -> str:
    """The whole page."""
    schema = Record.model_json_schema(by_alias=True)
    shapes: dict[str, Node] = {"Record": schema, **schema["$defs"]}
    links = {name: f"[{name}](#{anchor(name)})" for name in MEANINGS}
    parts: list[str] = []
    for name in MEANINGS:
        shape = shapes[name]
        parts += [f"## {name}", " ".join(str(shape.get("description", "")).split())]
        parts += [table(("field", "type", "meaning"), _rows(name, shape, links))]
    return page("The record", HEAD, *parts)


def _rows(name: str, shape: Node, links: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    own = meanings_of(name)
    for field, entry in shape["properties"].items():
        yield f"`{field}`", takes(entry, links), own[field]
