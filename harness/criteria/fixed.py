"""Somebody's own list of what goes: published sets and orders, tried as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, model_validator

from harness.criteria.base import ListCriterion, Scoring, criteria
from harness.errors import SpecError
from harness.families.base import Unit
from harness.schema import OneOrMany

Depths = Annotated[tuple[Annotated[int, Field(strict=True, ge=0)], ...], OneOrMany]


@criteria.register("fixed")
class Fixed(ListCriterion):
    """Somebody's own list: the set that stands there or, where it is ordered, each of its beginnings.

    `attention`, `mlp` and `block` hold depths, blocks counted from 0, as papers print them; `units` holds names as
    records print them (`blocks.3.attn`), for every other kind and for an order over several kinds. All lists together
    are the set. It brings its own counts: the length of the list, or 1 to that length. Says nothing of why.
    """

    needs_calibration = False

    attention: Depths = Field((), description="depths of the attentions that go")
    mlp: Depths = Field((), description="depths of the MLPs that go")
    block: Depths = Field((), description="depths of the whole blocks that go")
    units: Annotated[tuple[str, ...], OneOrMany] = Field((), description="names of what goes, of any kind")
    ordered: bool = Field(False, description="the list is an order: its first 1, 2, ... units are sets too")

    @model_validator(mode="after")
    def _is_one_list(self) -> Fixed:
        if not self._size:
            raise ValueError("needs a list: attention, mlp, block or units")
        for name in ("attention", "mlp", "block", "units"):
            listed = getattr(self, name)
            twice = [entry for place, entry in enumerate(listed) if entry in listed[:place]]
            if twice:
                raise ValueError(f"{name} holds {twice[0]!r} twice; a unit can be removed once")
        if self.block and (self.attention or self.mlp):
            raise ValueError("block holds whole blocks, attention and MLP included; a list of blocks stands alone")
        if self.ordered and sum(map(bool, (self.attention, self.mlp, self.block, self.units))) > 1:
            raise ValueError("several lists have no order between them; put the names in their order into units")
        return self

    @property
    def own_counts(self) -> tuple[int, ...] | None:
        return tuple(range(1, self._size + 1)) if self.ordered else (self._size,)

    @property
    def _size(self) -> int:
        return len(self.attention) + len(self.mlp) + len(self.block) + len(self.units)

    def faults(self, units: tuple[Unit, ...]) -> tuple[str, ...]:
        found = [fault for _, fault in self._resolved(units) if fault]
        names = [name for name, _ in self._resolved(units) if name]
        twice = sorted({name for name in names if names.count(name) > 1})
        return (*dict.fromkeys(found), *(f"{name} stands in two lists" for name in twice))

    def sets(self, scoring: Scoring) -> Mapping[int, tuple[str, ...]]:
        faults = self.faults(scoring.units)
        if faults:
            raise SpecError(f"criterion fixed: {'; '.join(faults)}")
        names = [name for name, _ in self._resolved(scoring.units)]
        if self.ordered:
            return {count: tuple(names[:count]) for count in self.own_counts or ()}
        return {len(names): tuple(unit.name for unit in scoring.units if unit.name in names)}

    def _resolved(self, units: tuple[Unit, ...]) -> Iterator[tuple[str, str]]:
        """For every entry the name of its unit, or why there is none."""
        for kind in ("attention", "mlp", "block"):
            for depth in getattr(self, kind):
                yield _at_depth(units, kind, depth)
        known = {unit.name for unit in units}
        for name in self.units:
            yield (name, "") if name in known else ("", f"{name} is no unit of the target; {_offered(units)}")


def _at_depth(units: tuple[Unit, ...], kind: str, depth: int) -> tuple[str, str]:
    of_kind = [unit for unit in units if _kind(unit) == kind]
    found = [unit.name for unit in of_kind if unit.depth == depth]
    if len(found) == 1:
        return found[0], ""
    if not of_kind:
        return "", f"lists {kind}, which the target does not remove; {_offered(units)}"
    if found:
        return "", f"{kind} {depth} means {len(found)} units ({', '.join(found)}); name them in units"
    depths = sorted({unit.depth for unit in of_kind})
    return "", f"there is no {kind} at depth {depth}; depths are {depths[0]} to {depths[-1]}"


def _kind(unit: Unit) -> str:
    """`block`, or the kind of its sublayer: in a target of several kinds each unit has its own."""
    return "block" if unit.kind == "block" else unit.sublayers[0].kind


def _offered(units: tuple[Unit, ...]) -> str:
    kinds = sorted({_kind(unit) for unit in units})
    example = f", as {units[0].name}" if units else ""
    return f"it removes {' and '.join(kinds) or 'nothing'}{example}"
