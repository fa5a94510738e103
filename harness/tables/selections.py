"""The selections of a panel, each once however many trials share it: ranks, price, sureness, optimum by count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.rankings import places, ranked
from harness.records import SelectionInfo
from harness.results import TrialResult
from harness.schema import Json, Options
from harness.tables.panels import UNIT, Panel

Details = Mapping[str, Json]


@dataclass
class Selected:
    """One criterion's selection on one network; `spec` is that of one of the trials that share it.

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


def selections(panel: Panel, results: Iterable[TrialResult]) -> tuple[Selected, ...]:
    """The selections behind a panel's candidates, in the order of its criteria."""
    rows = panel.candidates
    keys = zip(rows["id"], rows["machine_class"], strict=True)
    counted = zip(rows[UNIT], rows["count"].fillna(0), strict=True)
    placed = {(str(i), str(m)): (str(unit), int(count)) for (i, m), (unit, count) in zip(keys, counted, strict=True)}
    found: dict[tuple[str, str, int | None, int | None], Selected] = {}
    for result in results:
        place, info = placed.get((result.info.id, result.machine_class)), result.info
        if place is None or result.selection is None or info.criterion is None:
            continue
        unit, count = place
        key = (unit, info.criterion, info.draw, info.selection_seed)
        held = found.setdefault(key, Selected(unit, info.criterion, info.draw, result.selection, info.spec))
        _add(held, result, count)
    return tuple(sorted(found.values(), key=lambda one: panel.criteria.index(one.criterion)))


def _add(held: Selected, result: TrialResult, count: int) -> None:
    made = [s for run in result.runs if (s := run.stages.get("select")) is not None and not s.reused]
    if "latency" in (result.selection.budget or {} if result.selection else {}):
        made = []  # that stage timed networks too, which is no price of the criterion
    if held.seconds is None and made:
        held.seconds = made[-1].elapsed_s  # runs are newest first; the first that made it was alone with it
    selection = result.selection
    held.stability = held.stability or (selection and selection.stability) or _details(result, "stability_tau")
    optimum = (selection and selection.optimum) or _details(result, "optimum_gain")
    if optimum:
        held.optimum.setdefault(count, optimum)


def _details(result: TrialResult, metric: str) -> Details | None:
    """What a measurement holds beside its value: the selection's record may be of a run that was not asked for it."""
    found = (m.details for m in result.measurements.values() if m.metric == metric and m.details)
    return next(found, None)


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
