"""The selections of a panel, each once however many trials share it: ranks, price, sureness, optimum by count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from harness.rankings import places, ranked
from harness.records import SelectionInfo
from harness.schema import Json, Options
from harness.tables.facts import CHOICE, OPTIMUM, SECONDS, SELECTION, STABILITY, tuples_of
from harness.tables.panels import UNIT, Panel

Details = Mapping[str, Json]
AXES = ["id", "machine_class", "criterion", "draw", "selection_seed"]
NEEDED = [*AXES, SELECTION, CHOICE, SECONDS, STABILITY, OPTIMUM]


@dataclass
class Selected:
    """One criterion's selection on one network; `spec` holds the options of criterion and search.

    `seconds` are of the run that made it, None where no record tells; `optimum` holds, for each count, how good the
    set is among all sets of its size.
    """

    unit: str
    criterion: str
    draw: int | None
    info: SelectionInfo
    spec: Options
    seconds: float | None = None
    stability: Details | None = None
    optimum: dict[int, Details] = field(default_factory=dict)

    @cached_property
    def ranks(self) -> dict[str, float]:
        """Rank of each unit, 1 goes first: by score where each was scored once, else by the order of removal."""
        if self.info.scores and (self.info.search == "one_shot" or not self.info.order):
            return ranked(self.info.scores)
        return places(self.info.order or ())

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Units whose place changes with the calibration items."""
        found = (self.stability or {}).get("unsettled")
        return tuple(map(str, found)) if isinstance(found, list) else ()


def selections(panel: Panel, rows: pd.DataFrame) -> tuple[Selected, ...]:
    """The selections behind a panel's candidates, in the order of its criteria; `rows` are those of the study."""
    candidates = panel.candidates
    told = candidates.assign(removed=candidates["count"].fillna(0))[["id", "machine_class", UNIT, "removed"]]
    chosen = rows.loc[rows[SELECTION].notna() & rows["criterion"].notna(), NEEDED]
    held = chosen.merge(told, on=["id", "machine_class"])
    held = held.assign(number=held.groupby([UNIT, *AXES[2:]], dropna=False, sort=False).ngroup())
    whole = tuples_of(_firsts(held, SELECTION, "number")[["number", UNIT, "criterion", "draw", SELECTION, CHOICE]])
    found = {number: _selected(*told) for number, *told in whole}
    for number, seconds in tuples_of(_firsts(held, SECONDS, "number")[["number", SECONDS]]):
        found[number].seconds = float(seconds)
    for number, stability in tuples_of(_firsts(held, STABILITY, "number")[["number", STABILITY]]):
        found[number].stability = json.loads(stability)
    for number, count, good in tuples_of(_firsts(held, OPTIMUM, "number", "removed")[["number", "removed", OPTIMUM]]):
        found[number].optimum[int(count)] = json.loads(good)
    return tuple(sorted(found.values(), key=lambda one: panel.criteria.index(one.criterion)))


def _firsts(held: pd.DataFrame, fact: str, *per: str) -> pd.DataFrame:
    """The first row that has a fact, of each selection and whatever else it is kept for."""
    return held[held[fact].notna()].drop_duplicates(list(per))


def _selected(unit: str, criterion: str, draw: Any, selection: str, choice: str) -> Selected:
    number = None if pd.isna(draw) else int(draw)
    return Selected(unit, criterion, number, SelectionInfo.model_validate_json(selection), json.loads(choice))


def by_criterion(found: Iterable[Selected], *, drawn: bool = True) -> dict[str, list[Selected]]:
    """Selections by criterion; those of a random criterion are left out unless `drawn`."""
    grouped: dict[str, list[Selected]] = {}
    for one in found:
        if drawn or one.draw is None:
            grouped.setdefault(one.criterion, []).append(one)
    return grouped


def over_networks(pairs: Iterable[tuple[str, float | None]]) -> list[float]:
    """One mean for each network (draws and selections averaged within it first); values that are not there are left."""
    held: dict[str, list[float]] = {}
    for unit, value in pairs:
        if value is not None:
            held.setdefault(unit, []).append(value)
    return [sum(values) / len(values) for values in held.values()]


def number_at(details: Json | Details | None, *path: str) -> float | None:
    """The number at a path of nested JSON; None where there is none."""
    for step in path:
        details = details.get(step) if isinstance(details, Mapping) else None
    return float(details) if isinstance(details, int | float) and not isinstance(details, bool) else None


def mean_at(found: Iterable[Selected], *path: str) -> float | None:
    """Mean over networks of the number at a path of what is known of stability; None where no network has it."""
    values = over_networks((one.unit, number_at(one.stability, *path)) for one in found)
    return sum(values) / len(values) if values else None


def sizes_of(found: Sequence[Selected]) -> Iterator[str]:
    """Sizes of the calibration subsets, ascending."""
    sizes = {size for one in found if isinstance(held := (one.stability or {}).get("sizes"), Mapping) for size in held}
    yield from sorted(sizes, key=int)
