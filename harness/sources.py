"""Where the records of a study lie: each in a file in the folder of its trial, or in the study's pack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from harness import packs
from harness.index_file import Stamp, stamp_of
from harness.record_file import RecordFile, UnreadableError

SUFFIX = ".json"
NOT_TRIALS = ("logs", "jobs")  # folders of a study that are not trials
NEVER = Stamp(-1, -1, -1)  # of what no entry of the index is about


class MovedError(Exception):
    """A record lies elsewhere than a moment ago."""


class Source(NamedTuple):
    """Where a record lies, under the names of its trial and run, and a stamp that was taken before it is read."""

    names: tuple[str, str]
    place: str
    stamp: Stamp
    file: os.DirEntry[str] | packs.PackedRecord | UnreadableError

    def opened(self) -> RecordFile:
        """What is read; raises UnreadableError where that is known to be in vain."""
        if isinstance(self.file, UnreadableError):
            raise self.file
        return self.file if isinstance(self.file, packs.PackedRecord) else Path(self.file)

    def check_is_there(self) -> None:
        """Raises MovedError where the file is gone since its folder was read: its record may be in the pack by now."""
        if isinstance(self.file, os.DirEntry) and not os.path.lexists(self.file.path):
            raise MovedError


def sources(study: Path, trial: str | None = None) -> Iterator[Source]:
    """Every record of a study's folder, or of one trial: files first, then what is packed and is no file as well.

    A pack that is none is one source. Raises MovedError where a file is gone at this very moment.
    """
    held: set[tuple[str, str]] = set()
    for found in loose(study, trial):
        held.add(found.names)
        yield found
    pack = f"{study.name}/{packs.PACK}"
    try:
        for member in packs.packed(study, trial):
            names = (member.parent.name, member.stem)
            if names not in held:
                yield Source(names, f"{pack}/{member.info.filename}", Stamp(member.size, member.crc, 0), member)
    except UnreadableError as error:
        yield Source(("", ""), pack, NEVER, error)


def in_no_order(study: Path) -> Iterator[Source]:
    """The same records with the first of them at once: the other folders are not looked at before."""
    for trial, _ in folders(study):
        yield from loose(study, trial)
    yield from sources(study)


def has_files(study: Path) -> bool:
    """Whether any record lies in a file of its own."""
    return any(found for trial, _ in folders(study) for found in loose(study, trial))


def loose(study: Path, only: str | None) -> Iterator[Source]:
    """The records of a study's folder, or of one trial, that lie in files of their own."""
    trials = sorted(folders(study)) if only is None else [(only, str(study / only))]
    study_name = study.name
    for trial, folder in trials:
        for file in _files(folder):
            name = file.name
            try:  # before it is read, so that a change in between is seen the next time
                stamp = stamp_of(file.stat())
            except OSError:
                stamp = NEVER
            found = Source((trial, name[: -len(SUFFIX)]), f"{study_name}/{trial}/{name}", stamp, file)
            if stamp is NEVER:
                found.check_is_there()
            yield found


def _files(folder: str) -> list[os.DirEntry[str]]:
    """The file of each run of a trial, by name."""
    try:
        with os.scandir(folder) as files:
            found = [one for one in files if (name := one.name).endswith(SUFFIX) and name[0] != "."]
    except OSError:
        return []
    return sorted(found, key=lambda one: one.name) if len(found) > 1 else found


def folders(study: Path) -> Iterator[tuple[str, str]]:
    """Name and place of the folder of each trial, in no order."""
    with suppress(OSError), os.scandir(study) as entries:
        for one in entries:
            if not one.name.startswith(".") and one.name not in NOT_TRIALS and one.is_dir():
                yield one.name, one.path
