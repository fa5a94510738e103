"""The rows of a study brought up to date: kept ones whose records have not changed, and new ones of all others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.bulk import in_bulk
from harness.ledger.columns import DamagedError, joined, read, written
from harness.ledger.planned import SELECTED, Plan
from harness.ledger.spread import spread
from harness.ledger.unchanged import UNKNOWN, Lying, is_as_it_was, key_of, lying, time_of
from harness.own_code import code_digest
from harness.packs import PACK, PackedRecord, open_again, stamp
from harness.record_file import UnreadableError
from harness.records import Record
from harness.results import TrialResult, latest
from harness.sources import Source, folders, loose, sources
from harness.store import Damaged, Store, trusted
from harness.tables.facts import MARK, tuples_of
from harness.tables.frame import Sheet, sheet, typed
from harness.tables.row import Question
from harness.whole_file import write_whole

NAME = ".rows.npz"
CHUNK = 500  # trials whose records are in memory at once
MOST_LISTED = 1_000  # folders, for which it is worth writing down that they have not changed
SOURCES, OF_BASELINE, SINCE = f"{MARK}sources", f"{MARK}sources_of_baseline", f"{MARK}since"
PLACE = f"{MARK}place"


@dataclass(frozen=True)
class Rows:
    """The sheet of a study in the order of its plan; `left_out` are trials on disk that the plan does not hold."""

    sheet: Sheet
    left_out: int = 0
    damaged: tuple[Damaged, ...] = ()


@dataclass(frozen=True)
class _Kept:
    """What the file holds: `digest` is of the plan whose labels rows carry, `unplanned` holds keys of other trials."""

    table: pd.DataFrame
    questions: dict[str, Question]
    unplanned: dict[str, str]
    digest: str


def read_rows(store: Store, study: str, plan: Plan) -> Rows:
    """The rows of every trial that has a record; what was read before and has not changed is not read again."""

    def look() -> Rows:
        with open_again(store.folder(study)) as reopened:
            return _Update(store.folder(study), plan, reopened).rows()

    return store.at_rest(study, look)


class _Update:
    """One look at the folder of a study."""

    def __init__(self, folder: Path, plan: Plan, reopened: Callable[[PackedRecord], PackedRecord]) -> None:
        self.folder, self.plan, self._reopened = folder, plan, reopened
        self.before = _kept(folder)
        self.is_packed = stamp(folder) is not None
        self.damaged: dict[str, str] = {}
        self.sources: dict[str, list[Source]] = {}  # of trials whose folder was listed
        with in_bulk():
            self.lying = self._packed() if self.is_packed else self._loose()
        self.keys = {trial: found.key for trial, found in self.lying.items()}

    def rows(self) -> Rows:
        before = self.before
        table = self._dated(_relabelled(before, self.plan))
        stale = self._stale(table)
        unplanned = self._unplanned(before.unplanned)
        fresh, questions = self._read([trial for trial in self.keys if trial in stale])
        valid = self.keys.keys() - stale
        is_kept = np.fromiter((trial in valid for (trial,) in tuples_of(table[["id"]])), dtype=bool, count=len(table))
        if len(fresh) or not is_kept.all():
            table = self._in_order(joined([table[is_kept], fresh]))
        after = _Kept(table, {**before.questions, **questions}, unplanned, self.plan.digest)
        if (
            len(fresh)
            or len(table) < len(before.table)
            or (unplanned, after.digest) != (before.unplanned, before.digest)
            or self._newly_dated(table) > MOST_LISTED
        ):
            _keep(self.folder, after)
        deque(self._records(self.sources.get("", ())), maxlen=0)  # a pack that cannot be read is no trial's
        return Rows(Sheet(table, after.questions), len(unplanned), self._told())

    def _packed(self) -> dict[str, Lying]:
        for found in sources(self.folder):
            self.sources.setdefault(found.names[0], []).append(found)
        return {trial: Lying(key_of(held), UNKNOWN) for trial, held in self.sources.items() if trial}

    def _loose(self) -> dict[str, Lying]:
        """What lies there of each trial, by name; folders that are as they were are not listed."""
        kept = tuples_of(self.before.table[["id", SOURCES, SINCE]])
        known = {trial: Lying(key, since) for trial, key, since in kept}
        found: dict[str, Lying] = {}
        for trial, place in sorted(folders(self.folder)):
            if is_as_it_was(place, known, trial):
                found[trial] = known[trial]
                continue
            since = time_of(place)
            self.sources[trial] = [*loose(self.folder, trial)]
            if self.sources[trial]:
                found[trial] = lying(since, self.sources[trial])
        return found

    def _of(self, trial: str) -> Sequence[Source]:
        """Where the records of a trial lie."""
        if trial in self.lying and trial not in self.sources:
            self.sources[trial] = [*loose(self.folder, trial)]
        return self.sources.get(trial, ())

    def _dated(self, table: pd.DataFrame) -> pd.DataFrame:
        """With the times that the folders have now."""
        if not self.sources:
            return table
        return table.assign(**{SINCE: [self.lying[t].since if t in self.lying else UNKNOWN for t in table["id"]]})

    def _newly_dated(self, table: pd.DataFrame) -> int:
        """Of how many trials the kept rows do not hold the time that their folder has."""
        if len(self.sources) <= MOST_LISTED:
            return 0
        kept = dict(tuples_of(self.before.table[["id", SINCE]]))
        return sum(kept.get(trial) != since for trial, since in tuples_of(table[["id", SINCE]]))

    def _stale(self, table: pd.DataFrame) -> set[str]:
        """Planned trials on disk of which no row is kept, or one of other records, or beside another baseline."""
        keys = self.keys
        baselines = dict(tuples_of(self.plan.table[["id", "baseline"]]))
        fresh = {
            trial
            for trial, own, other in tuples_of(table[["id", SOURCES, OF_BASELINE]])
            if keys.get(trial) == own and keys.get(baselines.get(trial) or "", "") == other
        }
        return baselines.keys() & keys.keys() - fresh

    def _read(self, stale: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Question]]:
        """New rows of trials, a part of them at a time."""
        parts = [stale[start : start + CHUNK] for start in range(0, len(stale), CHUNK)]
        # One pack is one file with one place to read from, which processes would take from each other.
        made = map(self._made, parts) if self.is_packed else spread(self._made, parts)
        tables: list[pd.DataFrame] = []
        questions: dict[str, Question] = {}
        for raw in made:
            table, told = read(raw)
            tables.append(table)
            questions |= _questions(told)
            self.damaged |= told["damaged"]
        return joined(tables), questions

    @in_bulk()
    def _made(self, trials: Sequence[str]) -> bytes:
        """The rows of some trials, what their columns are about, and the files that are no records."""
        results = self._results(trials)
        found = sheet(results, self._results({r.info.baseline for r in results if r.info.baseline}))
        keys = [self._kept_under(result) for result in results]
        own, other = ([pair[side] for pair in keys] for side in (0, 1))
        since = [self.lying[result.info.id].since for result in results]
        table = found.rows.assign(**{SOURCES: own, OF_BASELINE: other}).assign(**{SINCE: since})
        return written(table, {"questions": found.questions, "damaged": self.damaged})

    def _results(self, trials: Iterable[str]) -> tuple[TrialResult, ...]:
        records = (record for trial in trials for record in self._records(self._of(trial)))
        return tuple(labelled(result, self.plan) for result in latest(records))

    def _records(self, found: Iterable[Source]) -> Iterator[Record]:
        for source in found:
            try:
                file = source.opened()
                yield trusted(self._reopened(file) if isinstance(file, PackedRecord) else file, self.folder.name)
            except UnreadableError as error:
                source.check_is_there()
                self.damaged[source.place] = str(error)

    def _kept_under(self, result: TrialResult) -> tuple[str, str]:
        """Keys of a trial's records and of its baseline's; what is damaged is looked at again the next time."""
        own, other = result.info.id, result.info.baseline or ""
        is_whole = not any(source.place in self.damaged for t in (own, other) for source in self._of(t))
        return (self.keys[own] if is_whole else "", self.keys.get(other, ""))

    def _unplanned(self, before: Mapping[str, str]) -> dict[str, str]:
        """The trials with a record that the plan does not hold, and the keys of their records."""
        others = {trial: key for trial, key in self.keys.items() if trial not in self.plan.places}
        return {t: key for t, key in others.items() if before.get(t) == key or [*self._records(self._of(t))]}

    def _in_order(self, table: pd.DataFrame) -> pd.DataFrame:
        """By the place of the trial in the plan, then by machine class."""
        places = table["id"].map(self.plan.places)
        ordered = table.assign(**{PLACE: places}).sort_values([PLACE, "machine_class"], kind="stable")
        return ordered.drop(columns=PLACE).reset_index(drop=True)

    def _told(self) -> tuple[Damaged, ...]:
        """By trial and run, files before what is packed."""
        ordered = sorted(self.damaged, key=lambda place: (PACK in place.split("/"), place.split("/")))
        return tuple(Damaged(place, self.damaged[place]) for place in ordered)


def labelled(result: TrialResult, plan: Plan) -> TrialResult:
    """The result under the present plan's labels: a trial's id does not change when a study renames its criterion."""
    place = plan.places[result.info.id]
    labels = {name: values[place] for name, values in plan.labels.items()}
    return replace(result, info=result.info.model_copy(update=labels))


def _relabelled(kept: _Kept, plan: Plan) -> pd.DataFrame:
    """The kept rows of planned trials with the plan's labels."""
    if kept.digest == plan.digest:
        return kept.table
    held = kept.table[kept.table["id"].isin(plan.places)].reset_index(drop=True)
    told = plan.table.iloc[[plan.places[str(trial)] for trial in held["id"]]].reset_index(drop=True)
    return held.assign(**{str(n): told[n] for n in told if n in held and n not in SELECTED})


def _kept(folder: Path) -> _Kept:
    """The rows that are kept; none where there is no such file, or other code wrote it, which may mean other things."""
    with suppress(OSError, DamagedError, KeyError, TypeError):
        table, told = read((folder / NAME).read_bytes())
        if told["code"] == code_digest():
            return _Kept(table, _questions(told), dict(told["unplanned"]), str(told["digest"]))
    nothing = pd.DataFrame(columns=[SOURCES, OF_BASELINE, SINCE], dtype=object)
    return _Kept(joined([typed([]), nothing]), {}, {}, "")


def _questions(told: Mapping[str, Any]) -> dict[str, Question]:
    return {name: Question(*about) for name, about in told["questions"].items()}


def _keep(folder: Path, kept: _Kept) -> None:
    """Puts the rows in place of the file; where it cannot be written nothing is kept, and nothing else suffers."""
    header = {
        "code": code_digest(),
        "digest": kept.digest,
        "questions": kept.questions,
        "unplanned": kept.unplanned,
    }
    with suppress(OSError):
        write_whole(folder / NAME, written(kept.table, header))
