"""Records of a study on disk: written once, read with what is damaged set aside, merged by newest run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from harness import index_file, packs
from harness.briefs import Brief, age, brief, moment
from harness.bulk import in_bulk
from harness.errors import Problem, SpecError, StoreError, suggestion
from harness.index_file import Entry, stamp_of
from harness.record_file import FILE_NAME, RecordFile, UnreadableError, believed, in_words, loaded
from harness.records import Record, StudyIndex
from harness.schema import NAME, problems_of, sealed, unsealed
from harness.sources import MovedError, has_files, in_no_order, sources
from harness.upgrades import OF_PLANS, upgraded
from harness.whole_file import write_whole

T = TypeVar("T")
INDEX = "trials.json"
RESERVED = ("artifacts", "snapshots")  # folders of results/ that are not studies


@dataclass(frozen=True)
class Damaged:
    """A file that is no readable record: where it lies in the results, and what is wrong with it."""

    path: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """What lies in the folder of a study: the records that can be trusted, and the files that cannot."""

    records: tuple[Record, ...]
    damaged: tuple[Damaged, ...]


class Store:
    """The results folder; names of studies, trials and runs are checked, so that none leads out of it."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def folder(self, study: str) -> Path:
        """Where a study's files lie."""
        if not re.fullmatch(NAME, study) or study in RESERVED:
            taken = "is a folder of its own" if study in RESERVED else "must hold only a-z, 0-9, _ and -, at most 64"
            raise SpecError(Problem("study", f"{study!r} {taken}"))
        return self.root / study

    def write_record(self, record: Record) -> Path:
        """Puts a record into a new file; a run that already has one is an error."""
        trial, run = record.trial, record.run
        path = self.folder(trial.study) / _checked("trial.id", trial.id) / f"{_checked('run.id', run.id)}.json"
        if path.exists():
            raise StoreError(f"{self._shown(path)}: this run already has a record; records are never rewritten")
        self._write(path, record.to_json())
        with suppress(OSError, ValueError):
            moment(run.started), moment(run.finished)
            index_file.add(self.folder(trial.study), [Entry(stamp_of(path.stat()), brief(record))])
        return path

    def write_index(self, index: StudyIndex) -> Path:
        """Puts down the present plan of a study, in place of the last one."""
        path = self.folder(index.study) / INDEX
        self._write(path, sealed(index.model_dump(mode="json", by_alias=True)))
        return path

    def read_index(self, study: str) -> StudyIndex:
        """The present plan of a study."""
        path = self.folder(study) / INDEX
        if not path.exists():
            known = suggestion(study, self.studies())
            raise StoreError(f"{self._shown(path)}: no plan of a study {study!r} here; {known}")
        try:
            index = StudyIndex.model_validate(upgraded(unsealed(loaded(path)), OF_PLANS))
        except ValidationError as error:
            raise StoreError(problems_of(error, where=self._shown(path))) from None
        except (UnreadableError, ValueError) as error:
            raise StoreError(f"{self._shown(path)}: {error}; run the study again, which writes it anew") from None
        if index.study != study:
            raise StoreError(f"{self._shown(path)}: is the plan of a study {index.study!r}, which belongs elsewhere")
        return index

    def planned(self, study: str) -> tuple[str, ...]:
        """The ids of the trials of the present plan, whose other fields are not looked at; raises as `read_index`."""
        with suppress(UnreadableError, KeyError, TypeError):
            raw: Any = loaded(self.folder(study) / INDEX)
            return tuple(str(trial["id"]) for trial in raw["trials"])
        return tuple(trial.id for trial in self.read_index(study).trials)

    def read(self, study: str, trial: str | None = None) -> Reading:
        """Every record of a study (or of one trial), oldest run first; what cannot be trusted is listed, and left."""
        return self.at_rest(study, lambda: self._read(study, trial))

    def _read(self, study: str, trial: str | None) -> Reading:
        records: list[Record] = []
        damaged: list[Damaged] = []
        for found in sources(self.folder(study), trial and _checked("trial.id", trial)):
            try:
                records.append(trusted(found.opened(), study))
            except UnreadableError as error:
                found.check_is_there()
                damaged.append(Damaged(found.place, str(error)))
        return Reading(tuple(sorted(records, key=age)), tuple(damaged))

    def has_record(self, study: str) -> bool:
        """Whether any record of a study can be trusted; nothing is read after the first."""
        return self.at_rest(study, lambda: any(self._trusted(study)))

    def _trusted(self, study: str) -> Iterator[Record]:
        for found in in_no_order(self.folder(study)):
            try:
                yield trusted(found.opened(), study)
            except UnreadableError:
                found.check_is_there()

    @in_bulk()
    def briefs(self, study: str) -> tuple[Brief, ...]:
        """The trusted records of a study in brief, oldest run first.

        A file that was read once and has not changed since is not read again.
        """
        return self.at_rest(study, lambda: self._briefs(study))

    def _briefs(self, study: str) -> tuple[Brief, ...]:
        held = index_file.kept(self.folder(study))
        found: list[Entry] = []
        fresh: list[Entry] = []
        for source in sources(self.folder(study)):
            entry = held.entries.get(source.names)
            try:
                if entry is None or entry.stamp != source.stamp:
                    entry = Entry(source.stamp, brief(trusted(source.opened(), study)))
                    fresh.append(entry)
                found.append(entry)
            except UnreadableError:
                source.check_is_there()
        if len(held.entries) + held.idle_lines > 2 * len(found):
            index_file.replace(self.folder(study), found)
        elif fresh:
            index_file.add(self.folder(study), fresh)
        return tuple(sorted((entry.brief for entry in found), key=lambda one: one.age))

    def at_rest(self, study: str, look: Callable[[], T]) -> T:
        """What `look` finds in a study's folder; it looks again where records moved to or from the pack meanwhile."""
        while True:
            before = packs.stamp(self.folder(study))
            with suppress(MovedError):
                found = look()
                if packs.stamp(self.folder(study)) == before:
                    return found

    def records(self, study: str) -> tuple[Record, ...]:
        """The trusted records of a study, oldest run first; a study that never ran has none."""
        return self.read(study).records

    def studies(self) -> tuple[str, ...]:
        """Names of the studies that have a plan or a record here."""
        if not self.root.is_dir():
            return ()
        names = (p.name for p in self.root.iterdir() if p.is_dir() and re.fullmatch(NAME, p.name))
        found = (name for name in names if name not in RESERVED)
        return tuple(sorted(n for n in found if self._is_study(n)))

    def _is_study(self, name: str) -> bool:
        known = (self.root / name / INDEX, self.root / name / packs.PACK)
        return any(path.exists() for path in known) or has_files(self.root / name)

    def _write(self, path: Path, value: Mapping[str, Any]) -> None:
        text = _text(value)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                write_whole(path, text, is_synced=True)
            except FileNotFoundError:  # the folder was taken away as empty at this very moment
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, text, is_synced=True)
        except OSError as error:
            raise StoreError(f"{self._shown(path)}: {in_words(error, 'written')}") from error

    def _shown(self, path: Path) -> str:
        return (Path(self.root.name) / path.relative_to(self.root)).as_posix()


def trusted(path: RecordFile, study: str) -> Record:
    """The record that lies in a place of a study; raises UnreadableError for one that cannot be believed there."""
    record = believed(loaded(path))
    if (record.trial.study, record.trial.id, record.run.id) != (study, path.parent.name, path.stem):
        raise UnreadableError(f"holds run {record.run.id} of trial {record.trial.id}, which belongs elsewhere")
    return record


def _text(value: Mapping[str, Any]) -> str:
    """JSON with one line per field: short, and a diff says which field differs."""
    lines = (f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False, allow_nan=False)}" for k, v in value.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _checked(where: str, name: str) -> str:
    if not re.fullmatch(FILE_NAME, name):
        allowed = "must start with a letter or digit and hold only letters, digits and _ . + -, at most 240"
        raise SpecError(Problem(where, f"{name!r} {allowed}"))
    return name
