"""The JSON Schema of a study file with every plug-in's options, so that editors complete them."""

from __future__ import annotations

from typing import Any, get_args

from harness.checks import known_targets
from harness.collectors.base import collectors
from harness.criteria.base import criteria
from harness.datasets.base import datasets
from harness.executors.base import executors
from harness.recoveries.base import recoveries
from harness.registry import Registry
from harness.searches.base import searches
from harness.site import Site
from harness.spec import Stage, Study
from harness.transforms.base import transforms

RESERVED: dict[str, dict[str, Any]] = {
    "Label": {"label": {"type": "string", "description": "the word for tables"}},
    "Criterion": {
        "search": {"$ref": "#/$defs/search"},
        "draws": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "draws of a random criterion"},
        "for": {"$ref": "#/$defs/Restriction"},
    },
    "Transform": {"from": {"enum": list(get_args(Stage)), "description": "the first stage whose network has it"}},
}


TRANSFORM = {"$ref": "#/$defs/transform"}


def study_schema() -> dict[str, Any]:
    """Study and site keys in one closed object; each plug-in is its name, or a mapping with its options."""
    schema = Study.model_json_schema(by_alias=True)
    site = Site.model_json_schema()
    definitions: dict[str, Any] = {**site.pop("$defs", {}), **schema.pop("$defs", {})}
    members: dict[str, tuple[Registry[Any], dict[str, Any]]] = {
        "dataset": (datasets, {}),
        "criterion": (criteria, RESERVED["Label"] | RESERVED["Criterion"]),
        "search": (searches, {}),
        "recovery": (recoveries, RESERVED["Label"]),
        "collector": (collectors, RESERVED["Label"]),
        "transform": (transforms, RESERVED["Label"] | RESERVED["Transform"]),
        "executor": (executors, {}),
    }
    for name, (registry, extra) in members.items():
        definitions[name] = _choice(registry, extra, definitions)
    own = {**schema["properties"], **site["properties"]}
    choices: dict[str, dict[str, Any]] = {
        "data": {"$ref": "#/$defs/dataset"},
        "criteria": _one_or_many("criterion"),
        "recoveries": _one_or_many("recovery"),
        "collectors": _one_or_many("collector"),
        "targets": _one_or_many_of({"enum": list(known_targets())}),
        "transforms": _one_or_many_of({"anyOf": [{"const": "none"}, TRANSFORM, _list(TRANSFORM)]}),
        "references": _one_or_many_of({"anyOf": [{"$ref": f"#/$defs/{n}"} for n in ("ReferenceModel", "Published")]}),
        "executor": {"$ref": "#/$defs/executor"},
        "models": _one_or_many_of({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/ModelSpec"}]}),
        "seeds": {"anyOf": [{"type": "integer"}, _list({"type": "integer"}), {"$ref": "#/$defs/Seeds"}]},
    }
    properties = {key: {**choices.get(key, entry), **_told(entry)} for key, entry in own.items()}
    definitions["Seeds"]["properties"].pop("is_joint", None)
    of_model = definitions["ModelSpec"]["properties"]
    of_model["data"] = {"$ref": "#/$defs/dataset", **_told(of_model["data"])}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "harness study",
        "type": "object",
        "additionalProperties": False,
        "required": ["study", "data", "models", "criteria"],
        "properties": properties,
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def _choice(registry: Registry[Any], extra: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    members = registry.members()
    mappings = []
    for name, member in members.items():
        own = member.model_json_schema()
        definitions.update(own.get("$defs", {}))
        properties = {"name": {"const": name}, **own.get("properties", {}), **extra}
        mappings.append(
            {
                "type": "object",
                "description": member.summary(),
                "properties": properties,
                "required": ["name", *own.get("required", [])],
                "additionalProperties": False,
            }
        )
    return {"anyOf": [{"enum": list(members)}, *mappings]}


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    """What is said of a key, whatever may stand there."""
    return {word: entry[word] for word in ("description", "default") if word in entry}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


def _one_or_many(definition: str) -> dict[str, Any]:
    return _one_or_many_of({"$ref": f"#/$defs/{definition}"})


def _one_or_many_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, _list(item)]}
