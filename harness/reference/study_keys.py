"""`reference/study_keys.md`: every key of a study file and of a site file, from the schema that editors use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.editor import study_schema
from harness.reference.plugins import SECTIONS
from harness.reference.prose import anchor, page, sentence, table
from harness.reference.shapes import HEADER, Links, Node, keys, name_of, rows
from harness.site import Site

HEAD = """Every key of a study file, as `harness schema` gives them to editors. [The study file](../study.md) explains
what they are for; the options of criteria, collectors and all else that has a name stand in [their own
reference](plugins.md).

*One or more* is an entry or a list of such entries. A key that is not here is an error that names the nearest one that
is."""
SITE = """These may stand in the study too, or in a site file beside it; they are in no identity, record or report
([the study file](../study.md#where-it-runs))."""


def study_keys() -> str:
    """The whole page."""
    schema = study_schema()
    places = dict(_shapes(schema))
    named: Links = {name: f"[{_mapping(place)}](#{anchor(place)})" for name, place in places.items()} | SECTIONS
    found = dict(zip(schema["properties"], rows(schema, named), strict=True))
    own = [row for key, row in found.items() if key not in Site.model_fields]
    site = [row for key, row in found.items() if key in Site.model_fields]
    parts = ["## What is asked", table(HEADER, own), "## Where it runs", SITE, table(HEADER, site), "## Mappings"]
    for name, place in places.items():
        shape = schema["$defs"][name]
        parts += [f"### {place}", sentence(shape.get("description", "")), keys(shape, named)]
    return page("Keys of a study file", HEAD, *parts)


def _mapping(place: str) -> str:
    """`a mapping`, told by its first key where several may stand at one place."""
    _, _, key = place.partition(" with ")
    return f"a mapping with {key}" if key else "a mapping"


def _shapes(schema: Node) -> Iterator[tuple[str, str]]:
    """Each mapping that a key takes, by the name of its definition, with the place where it is first met."""
    waiting: list[tuple[str, Node]] = [(key, entry) for key, entry in schema["properties"].items()]
    met: set[str] = set()
    while waiting:
        path, entry = waiting.pop(0)
        names = [name for name in _references(entry) if name in schema["$defs"] and name not in SECTIONS]
        objects = [name for name in names if "properties" in schema["$defs"][name]]
        for name in objects:
            if name not in met:
                met.add(name)
                inner: dict[str, Node] = schema["$defs"][name]["properties"]
                yield name, f"`{path}`" if len(objects) == 1 else f"`{path}` with `{next(iter(inner))}`"
                waiting += [(f"{path}.{key}", value) for key, value in inner.items()]


def _references(entry: Any) -> Iterator[str]:
    """The definitions that stand anywhere in an entry."""
    if isinstance(entry, list):
        for one in entry:
            yield from _references(one)
    elif isinstance(entry, dict):
        if "$ref" in entry:
            yield name_of(entry)
        for key, value in entry.items():
            if key not in ("$ref", "default", "description"):
                yield from _references(value)
