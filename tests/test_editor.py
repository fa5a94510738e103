"""The JSON Schema that editors use knows every key and every plug-in's options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_studies import STUDIES

from harness.editor import study_schema
from harness.site import Site
from harness.spec import Study
from harness.study_file import read_yaml

SCHEMA = study_schema()
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """The keywords of JSON Schema that the schema uses, by the words of the standard."""
    if "$ref" in schema:
        return fits(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    fits_one = "anyOf" not in schema or any(fits(value, branch) for branch in schema["anyOf"])
    is_known = value in schema.get("enum", [value]) and value == schema.get("const", value)
    return fits_one and is_known and _has_type(value, schema.get("type")) and _fits_inside(value, schema)


def _has_type(value: Any, kind: str | None) -> bool:
    if kind is None:
        return True
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _fits_inside(value: Any, schema: dict[str, Any]) -> bool:
    if isinstance(value, dict):
        return _fits_object(value, schema)
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(fits(one, schema.get("items", {})) for one in value)
    return True


def _fits_object(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    known = schema.get("properties", {})
    if set(schema.get("required", ())) - set(value):
        return False
    if schema.get("additionalProperties") is False and set(value) - set(known):
        return False
    return all(fits(item, known[key]) for key, item in value.items() if key in known)


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for one in node for found in _references(one)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for one in node.values() for found in _references(one)]


def test_it_is_of_the_named_draft_and_every_reference_leads_somewhere() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {name.removeprefix("#/$defs/") for name in _references(SCHEMA)} <= set(SCHEMA["$defs"])


def test_it_knows_every_key_of_a_study_and_a_site() -> None:
    assert set(SCHEMA["properties"]) == {*Study.model_fields, *Site.model_fields}
    assert SCHEMA["additionalProperties"] is False


@pytest.mark.parametrize("path", sorted(STUDIES.rglob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_study_fits_and_names_it(path: Path) -> None:
    assert fits(read_yaml(path), SCHEMA)
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=")


@pytest.mark.parametrize(
    "change",
    [
        {"criteria": ["entrpy"]},
        {"criteria": [{"name": "entropy", "item": 1}]},
        {"data": {"name": "digits", "nonsense": 1}},
        {"costs": "sometimes"},
        {"targets": "attn"},
        {"seeds": ["x"]},
        {"nonsense": 1},
        {"models": []},
    ],
    ids=str,
)
def test_what_a_study_may_not_say_does_not_fit(change: dict[str, Any]) -> None:
    assert not fits({**read_yaml(STUDIES / "smoke.yaml"), **change}, SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        {"counts": 2},
        {"seeds": {"model": 3}},
        {"models": "deit_tiny_patch16_224"},
        {"criteria": {"name": "random", "draws": 3, "label": "chance", "for": {"targets": "mlp"}}},
        {"executor": {"name": "local", "jobs": 2}},
    ],
    ids=str,
)
def test_short_forms_fit(change: dict[str, Any]) -> None:
    assert fits({**read_yaml(STUDIES / "smoke.yaml"), **change}, SCHEMA)
