"""JSON Schema in words: what may stand at a key, and what stands there where nothing is said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from harness.reference.prose import sentence, table

Node: TypeAlias = Mapping[str, Any]
Links: TypeAlias = Mapping[str, str]  # what stands for a definition, by its name: a link to its section
WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "array": "list",
}
BOUNDS = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}", "exclusiveMaximum": "below {}"}
ANY = "any value"
HEADER = ("key", "takes", "default", "meaning")


def rows(shape: Node, links: Links, leave: frozenset[str] = frozenset()) -> Iterator[tuple[str, ...]]:
    """One row for each key of an object, those of `leave` left out."""
    required = shape.get("required", ())
    for key, entry in shape.get("properties", {}).items():
        if key not in leave:
            yield (
                f"`{key}`",
                takes(entry, links),
                default(entry, key in required),
                sentence(entry.get("description", "")),
            )


def keys(shape: Node, links: Links, leave: frozenset[str] = frozenset()) -> str:
    """The keys of an object as a table; empty where it has none."""
    found = list(rows(shape, links, leave))
    return table(HEADER, found) if found else ""


def takes(entry: Node, links: Links) -> str:
    """What may stand at a key; `null` is told by the default alone."""
    if "$ref" in entry:
        return ANY if name_of(entry) == "JsonValue" else links[name_of(entry)]
    if "const" in entry:
        return f"`{_plain(entry['const'])}`"
    if "enum" in entry:
        return ", ".join(f"`{_plain(value)}`" for value in entry["enum"])
    if "anyOf" in entry:
        return _branches([branch for branch in entry["anyOf"] if branch.get("type") != "null"], links)
    return _typed(entry, links)


def default(entry: Node, is_required: bool) -> str:
    """The default in the words of a study file."""
    if is_required:
        return "required"
    if "default" not in entry or entry["default"] in (None, [], {}, [[]]):
        return "none"
    if "$ref" in entry and isinstance(entry["default"], dict):
        return "its own"
    return f"`{_plain(entry['default'])}`"


def name_of(entry: Node) -> str:
    """The definition that a reference names."""
    return str(entry["$ref"]).removeprefix("#/$defs/")


def _branches(branches: list[Node], links: Links) -> str:
    """Alternatives; an entry beside a list of the same is `one or more`."""
    lists = [branch for branch in branches if branch.get("type") == "array"]
    single = [branch for branch in branches if branch not in lists]
    if any(branch.get("items") in single for branch in lists):
        return f"one or more: {_alternatives(single, links)}"
    return _alternatives(branches, links)


def _alternatives(branches: list[Node], links: Links) -> str:
    return " or ".join(dict.fromkeys(takes(branch, links) for branch in branches))


def _typed(entry: Node, links: Links) -> str:
    kind = entry.get("type")
    if kind == "array":
        items = [*entry.get("prefixItems", ()), *([entry["items"]] if "items" in entry else ())]
        return f"list of {_alternatives(items, links)}" if items else "list"
    if kind == "object" and isinstance(entry.get("additionalProperties"), Mapping):
        names = f" of {takes(entry['propertyNames'], links)}" if "propertyNames" in entry else ""
        return f"mapping{names} to {takes(entry['additionalProperties'], links)}"
    bounds = [words.format(_plain(entry[bound])) for bound, words in BOUNDS.items() if bound in entry]
    return " ".join([WORDS.get(str(kind), ANY), *bounds])


def _plain(value: Any) -> str:
    """A value as a study spells it: a mapping of a name alone is the name."""
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, dict):
        stated = {key: held for key, held in value.items() if held is not None}
        if set(stated) == {"name"}:
            return str(stated["name"])
        return f"{{{', '.join(f'{key}: {_plain(held)}' for key, held in stated.items())}}}"
    return value if isinstance(value, str) else json.dumps(value)
