"""What is on disk has a shape: frozen pydantic models, canonical JSON, digests and readable problems."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeAlias, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    StringConstraints,
    ValidationError,
)
from pydantic_core import CoreSchema, core_schema

from harness.errors import LONGEST_NAME, Problem, short, suggestion

Json: TypeAlias = JsonValue
Options: TypeAlias = dict[str, Json]
NAME = r"^[a-z0-9_-]{1,64}$"
SHA256 = "^[0-9a-f]{64}$"
LABEL = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"
Label = Annotated[str, StringConstraints(pattern=LABEL, max_length=64)]
MOST_PROBLEMS = 100  # of one file that are told
_SPELLED = {
    NAME: "must hold only a-z, 0-9, _ and -, at most 64 of them",
    LABEL: "must start with a letter or digit and hold only letters, digits and _ . + -",
    SHA256: "must be the 64 hex digits of a SHA-256",
}


class Schema(BaseModel):
    """A value that may be written down: frozen, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


class Plugin(Schema):
    """One member of a registry: its fields are the options that a study may set.

    A module that defines a plug-in imports no torch, timm or transformers at its top: options are read,
    checked and listed without them (docs/decisions/0002-light-plugins.md).
    """

    name: ClassVar[str]
    revision: ClassVar[int] = 1  # raised when the numbers change; enters every identity that uses the plug-in
    needs: ClassVar[tuple[str, ...]] = ()  # modules that must be importable; the worker loads them once
    extra: ClassVar[str] = ""  # of this package: what brings them
    code: ClassVar[str] = ""  # of a class from a user's own file: the digest of that file, part of every identity

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring, for `harness list`."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    def options(self) -> Options:
        """Options that differ from their defaults, as JSON."""
        found: Options = self.model_dump(mode="json", exclude_defaults=True)
        return found

    def identity(self) -> Options:
        """Name, non-default options, the revision once raised, the code of one's own file: what a digest holds."""
        revised: Options = {"revision": self.revision} if self.revision > 1 else {}
        own: Options = {"code": self.code} if self.code else {}
        return {"name": self.name, **self.options(), **revised, **own}


class _OneOrMany:
    """Marks a tuple that may be written as a scalar for a list of one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = handler(core)
        branches = found.pop("anyOf", [found])
        items = [branch["items"] for branch in branches if branch.get("type") == "array"]
        return {"anyOf": [*items, *branches]}


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) or value is None else [value]


OneOrMany = _OneOrMany()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> str:
    """JSON with one spelling only: sorted keys, no spaces, no NaN."""
    return _CANONICAL.encode(value)


class Spelling:
    """`canonical` of objects that share their values: a value that is met again is not spelled again.

    Values are known by what they are in memory, so none may be changed while this lives.
    """

    def __init__(self) -> None:
        self._met: dict[int, tuple[Any, str]] = {}

    def canonical(self, parts: Mapping[str, Any]) -> str:
        """The same as `canonical`; keys are plain names."""
        return "{" + ",".join([f'"{key}":{self._spelled(parts[key])}' for key in sorted(parts)]) + "}"

    def pattern(self, parts: Mapping[str, Any], left: Collection[str]) -> str:
        """The same with `%d` for the whole numbers that are `left` open, to be filled in by the order of their keys."""
        fixed = {key: self._spelled(parts[key]).replace("%", "%%") for key in parts if key not in left}
        return "{" + ",".join([f'"{key}":{fixed.get(key, "%d")}' for key in sorted(parts)]) + "}"

    def _spelled(self, value: Any) -> str:
        if type(value) is int:
            return str(value)
        held = self._met.get(id(value))
        if held is None:  # the value is kept with its text, so that no other one comes to lie in its place
            held = self._met[id(value)] = (value, canonical(value))
        return held[1]


def sha256(value: Any) -> str:
    """SHA-256 of the canonical JSON of a plain value, as 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def digest(value: Any, length: int = 12) -> str:
    """The first hex digits of `sha256`."""
    return sha256(value)[:length]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits; raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """The value with a checksum of the rest, for a file that only programs write."""
    return {"checksum": sha256(value), **value}


def unsealed(raw: Any) -> dict[str, Any]:
    """What was sealed; raises ValueError where it was changed since. One that never had a seal is taken as it is."""
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")
    rest = {key: value for key, value in raw.items() if key != "checksum"}
    if "checksum" in raw and raw["checksum"] != sha256(rest):
        raise ValueError("its checksum does not fit its content: it was changed after it was written")
    return rest


def problems_of(
    error: ValidationError, shape: type[BaseModel] | None = None, where: str = "", also: Iterable[str] = ()
) -> list[Problem]:
    """Pydantic's findings about a `shape` in the words of the study file, each with its path.

    `also` names keys that stand beside the shape's own in the same file.
    """
    found: dict[str, Problem] = {}
    items = error.errors(include_url=False)
    for item in items[:MOST_PROBLEMS]:
        place = _place(item["loc"])
        fields = _fields_at(shape, item["loc"]) | (set(also) if len(item["loc"]) == 1 else set())
        problem = Problem(place, _sentence(item, fields)).under(where)
        found.setdefault(str(problem), problem)
    told = [p for p in found.values() if not any(_repeats(p, other) for other in found.values())]
    more = len(items) - MOST_PROBLEMS
    return told + ([Problem(where, f"{more} more problems; mend these first")] if more > 0 else [])


def _fields_at(shape: type[BaseModel] | None, loc: Sequence[int | str]) -> set[str]:
    """The fields that the mapping at a path may have; none where the path leads to no mapping of the shape."""
    shapes = _shapes_in(shape)
    for step in loc[:-1]:
        if isinstance(step, str):
            fields = [pair for inner in shapes for pair in inner.model_fields.items()]
            shapes = {s for name, field in fields if step in (name, field.alias) for s in _shapes_in(field.annotation)}
    fields = [pair for inner in shapes for pair in inner.model_fields.items()]
    return {field.alias or name for name, field in fields if not field.exclude}


def _shapes_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {shape for inner in get_args(annotation) for shape in _shapes_in(inner)}


def _repeats(problem: Problem, other: Problem) -> bool:
    # An entry that is wrong also leaves its list "too short": said once, where it is wrong.
    return "should have at least" in problem.message and other.where.startswith(problem.where + ".")


def _place(loc: Sequence[int | str]) -> str:
    # Pydantic names the branch of a union inside the path; a user's file has no such step.
    return ".".join(
        str(part)[:LONGEST_NAME] for part in loc if not str(part).startswith(("function-", "list[", "tuple["))
    )


def _sentence(item: Any, fields: Iterable[str]) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return f"no such field; {suggestion(str(item['loc'][-1]), fields)}" if fields else "no such field"
    if kind == "missing":
        return "is required"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return _SPELLED.get(context["pattern"], f"must match {context['pattern']}")
    message = str(item["msg"])
    got = item["input"]
    shown = f"; got {short(got)}" if not isinstance(got, Mapping) else ""
    return message[0].lower() + message[1:] + shown
