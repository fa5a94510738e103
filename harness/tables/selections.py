"""The selections of a panel, each once however many trials share it: ranks, price, sureness, optimum by count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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

    @property
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
    told = candidates.assign(count=candidates["count"].fillna(0))[["id", "machine_class", UNIT, "count"]]
    placed = {(trial, machine): where for trial, machine, *where in tuples_of(told)}
    found: dict[tuple[object, ...], Selected] = {}
    for row in tuples_of(rows.loc[rows[SELECTION].notna() & rows["criterion"].notna(), NEEDED]):
        trial, machine, criterion, draw, seed, selection, *facts = row
        place = placed.get((trial, machine))
        if place is None:
            continue
        unit, count = place
        key = (unit, criterion, str(draw), str(seed))
        held = found.get(key)
        if held is None:
            held = found[key] = _selected(str(unit), criterion, draw, selection, facts[0])
        _add(held, int(count), *facts[1:])
    return tuple(sorted(found.values(), key=lambda one: panel.criteria.index(one.criterion)))


def _selected(unit: str, criterion: str, draw: Any, selection: str, choice: str) -> Selected:
    number = None if pd.isna(draw) else int(draw)
    return Selected(unit, criterion, number, SelectionInfo.model_validate_json(selection), json.loads(choice))


def _add(held: Selected, count: int, seconds: float, stability: Any, optimum: Any) -> None:
    if held.seconds is None and not pd.isna(seconds):
        held.seconds = float(seconds)
    if not held.stability and isinstance(stability, str):
        held.stability = json.loads(stability)
    if count not in held.optimum and isinstance(optimum, str):
        held.optimum[count] = json.loads(optimum)


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
