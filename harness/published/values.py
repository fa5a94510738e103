"""The shape of a list of published values, and how one is read."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML

from harness.errors import StoreError, UnknownNameError, unknown
from harness.schema import Options, Schema, problems_of

HOME = Path(__file__).parent


class Value(Schema):
    """One published number in base units, and what it was measured on.

    `removed` are places from the input on by kind, empty for the whole network, None where the source names only how
    many. `transform` is the identity of a change beside the removal. `digits` is how many decimals were printed, in the
    unit of print. `note` says what no field can.
    """

    model: str
    architecture: str | None = None
    target: str | None = None
    criterion: str | None = None
    count: int | None = Field(None, ge=0)
    removed: dict[str, tuple[int, ...]] | None = None
    transform: Options | None = None
    metric: str
    unit: str
    value: float
    digits: int = Field(2, ge=0, le=9)
    note: str = ""


class Group(Schema):
    """Values of one table of a source; fields that all of them share are written once."""

    title: str
    source: str
    protocol: str
    values: tuple[Value, ...]

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "shared" not in given:
            return given
        rest = {key: value for key, value in given.items() if key != "shared"}
        return {**rest, "values": [{**given["shared"], **value} for value in given.get("values", ())]}


class Publication(Schema):
    """All values that one paper, or its official code, published."""

    name: str
    title: str
    source: str
    groups: tuple[Group, ...]


def names() -> tuple[str, ...]:
    """The publications that there are."""
    return tuple(sorted(path.stem for path in HOME.glob("*.yaml")))


def plain_name(architecture: object) -> str:
    """What publications call a network by: a name of timm's less its tag, a repository of a hub less its revision."""
    name = str(architecture)
    return name.partition("@" if ":" in name else ".")[0]


@lru_cache
def publication(name: str) -> Publication:
    """A publication by name; raises UnknownNameError with the known ones."""
    if name not in names():
        raise UnknownNameError(unknown("publication", name, names()))
    raw = YAML(typ="safe", pure=True).load((HOME / f"{name}.yaml").read_text(encoding="utf-8"))
    try:
        return Publication.model_validate({"name": name, **raw})
    except ValidationError as error:
        raise StoreError(problems_of(error, where=f"published/{name}.yaml")) from None
