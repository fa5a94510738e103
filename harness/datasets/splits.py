"""How many items of which given part every part takes: the option `splits`, and its arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, model_serializer

from harness.datasets.base import PARTS
from harness.datasets.places import fault
from harness.errors import DataError, unknown
from harness.schema import Json, Schema

HOMES = ("train", "validation", "test", "calibration")  # the first of these that is given feeds what is missing
# What a part that nobody gave and nobody asked for takes of its home: a share, and at most so many items.
DEFAULTS = {"train": (0.5, None), "calibration": (0.1, 1024), "validation": (0.1, 5000), "test": (0.2, 10_000)}


class Share(Schema):
    """What one part asks for: all of its given part, a number of items of it, or a number of another part's."""

    source: str | None = None
    items: int | None = Field(None, ge=1)

    @model_serializer
    def _as_written(self) -> Json:
        if self.items is None:
            return "all"
        return self.items if self.source is None else {"from": self.source, "items": self.items}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _share(part: str, value: Any) -> Share:
    if isinstance(value, Share):
        return value
    if value == "all":
        return Share()
    if _is_count(value):
        return Share(items=value)
    if isinstance(value, Mapping) and set(value) == {"from", "items"} and _is_count(value["items"]):
        if value["from"] not in PARTS:
            raise ValueError(str(unknown("part", str(value["from"]), PARTS)))
        return Share(source=value["from"], items=value["items"])
    raise ValueError(f"{part} must be all, a number of items from 1, or {{from: PART, items: N}}")


def _shares(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("must map parts to all, a number of items, or {from: PART, items: N}")
    for part in value:
        if part not in PARTS:
            raise ValueError(str(unknown("part", str(part), PARTS)))
    return {part: _share(part, item) for part, item in value.items()}


Splits: TypeAlias = Annotated[
    dict[str, Share],
    BeforeValidator(_shares),
    Field(description="part -> all | items | {from: part, items: N}; what is not named keeps what others leave of it"),
]


@dataclass(frozen=True)
class Take:
    """Where a part's items come from, and how many they are."""

    source: str
    items: int


def takes(sizes: Mapping[str, int], splits: Mapping[str, Share], where: str) -> dict[str, Take]:
    """For every part its source among the given parts (`sizes`, by name) and its items; never more than there are.

    A part that is given and not asked for keeps what others leave; one that is neither is carved from the home,
    which is train where train is given. Raises DataError.
    """
    for part, share in splits.items():
        _check_source(part, share, sizes, where)
    home = next(name for name in HOMES if name in sizes)
    counted = _counted(sizes, splits, home)
    found = {}
    for part in PARTS:
        if part in counted:
            found[part] = counted[part]
        else:
            found[part] = Take(part, _rest(part, sizes[part], counted, part in splits, where))
    for source, size in sizes.items():
        _check_total(source, size, found, where)
    return found


def sizes_of(found: Mapping[str, Take]) -> dict[str, int]:
    """Items by part."""
    return {part: take.items for part, take in found.items()}


def _counted(sizes: Mapping[str, int], splits: Mapping[str, Share], home: str) -> dict[str, Take]:
    """Parts with a number of items; the others take what is left of their own."""
    counted = {}
    for part in PARTS:
        share = splits.get(part)
        if share is not None and share.items is not None:
            counted[part] = Take(share.source or (part if part in sizes else home), share.items)
        elif share is None and part not in sizes:
            counted[part] = Take(home, _default(part, sizes[home]))
    return counted


def _default(part: str, size: int) -> int:
    ratio, most = DEFAULTS[part]
    items = max(1, int(ratio * size))
    return items if most is None else min(items, most)


def _check_source(part: str, share: Share, sizes: Mapping[str, int], where: str) -> None:
    place = f"splits.{part}"
    given = ", ".join(sizes)
    if share.items is None and part not in sizes:
        raise DataError(fault(where, f"asks for all of {part}, which the data does not have; known: {given}", place))
    if share.source is not None and share.source not in sizes:
        raise DataError(fault(where, f"takes from {share.source}, which the data does not have; known: {given}", place))


def _rest(part: str, size: int, counted: Mapping[str, Take], asked_all: bool, where: str) -> int:
    takers = [f"{name} takes {take.items:,}" for name, take in counted.items() if take.source == part]
    if asked_all and takers:
        message = f"asks for all of {part}, but {' and '.join(takers)} of it; leave {part} out to give it what is left"
        raise DataError(fault(where, message, f"splits.{part}"))
    left = size - sum(take.items for take in counted.values() if take.source == part)
    if left == 0:
        message = f"nothing is left for {part}, which has {size:,} items: {', '.join(takers)}"
        raise DataError(fault(where, message, "splits"))
    return max(left, 0)


def _check_total(source: str, size: int, found: Mapping[str, Take], where: str) -> None:
    asked = {part: take.items for part, take in found.items() if take.source == source}
    total = sum(asked.values())
    if total > size:
        listed = ", ".join(f"{part} {items:,}" for part, items in asked.items() if items)
        raise DataError(
            fault(where, f"the parts ask for {total:,} items of {source}, which has {size:,}: {listed}", "splits")
        )
