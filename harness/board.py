"""The processes of one job: who this one is among them, and the folder in which they tell each other what goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from harness.process_mark import is_gone, mark
from harness.records import Failure
from harness.schema import Options, Schema
from harness.whole_file import OWNER, write_whole

S = TypeVar("S", bound=Schema)
CALL, OVER = "call.json", "over"


@dataclass(frozen=True)
class Member:
    """One of the processes that an executor started for the same job; the first, of rank 0, leads."""

    rank: int = 0
    of: int = 1
    local: int = 0  # its number among those on the same machine
    start: str = "0"  # which start of the job this is: what an earlier one left is not heard

    @classmethod
    def of_words(cls, words: Sequence[str]) -> Member:
        """From `words`, the arguments by which an executor tells each of several processes which it is; none: alone."""
        if not words:
            return cls()
        rank, of, local, start = words
        return cls(int(rank), int(of), int(local), start)

    def words(self) -> list[str]:
        """The arguments of its process."""
        return [str(self.rank), str(self.of), str(self.local), self.start]

    @property
    def leads(self) -> bool:
        """Whether this process runs the trials; the others only help it to train."""
        return self.rank == 0


class Call(Schema):
    """The leader trains, and the others are to join it.

    `token` names the leader's process, `number` counts its trainings. `contents` are those of the artifacts that the
    training builds on, by stage and key, so that nobody builds on others. `host` and `port` say where all meet; those
    on the machine of `leader`, its mark, need no name for it.
    """

    token: str
    number: int = Field(ge=1)
    trial: str
    stage: str
    key: str
    contents: dict[str, str]
    leader: Options
    host: str
    port: int


class Presence(Schema):
    """A process that is there, by the mark that tells it from every other."""

    mark: Options


class Board:
    """A folder beside the job's file, private as that is; every note has one writer and appears by rename."""

    def __init__(self, job_file: Path, member: Member) -> None:
        self.member = member
        self.folder = job_file.with_suffix(f".team-{re.sub(r'[^A-Za-z0-9_-]', '_', member.start)[:64]}")

    def enter(self) -> None:
        """This process is there."""
        self._write(f"rank-{self.member.rank}.json", Presence(mark=mark()))

    def call(self) -> Call | None:
        """The training that goes on; None while there is none."""
        return _read(self.folder / CALL, Call)

    def post(self, call: Call) -> None:
        """The leader's word that it trains."""
        self._write(CALL, call)

    def dismiss(self) -> None:
        """The leader's word that nobody is needed."""
        if self.member.of > 1:
            (self.folder / CALL).unlink(missing_ok=True)

    def report(self, token: str, failure: Failure) -> None:
        """A follower's word of why it cannot go on."""
        self._write(f"fault-{token}-{self.member.rank}.json", failure)

    def tell_ready(self, token: str) -> None:
        """This process can meet the others: whatever takes long before (copying data) is done."""
        self._write(f"ready-{token}-{self.member.rank}.json", Presence(mark=mark()))

    def are_ready(self, token: str) -> bool:
        """Whether all processes can meet."""
        return all((self.folder / f"ready-{token}-{rank}.json").exists() for rank in range(self.member.of))

    def fault(self) -> Failure | None:
        """Why a follower cannot go on with the training that is called, the lowest rank first; None while all can."""
        if self.member.of == 1 or (called := self.call()) is None:
            return None
        token = called.token
        found = (_read(path, Failure) for path in sorted(self.folder.glob(f"fault-{token}-*.json")))
        return next((failure for failure in found if failure is not None), None)

    def is_left_by(self, rank: int) -> bool:
        """Whether a process has certainly gone; of another machine's only the cluster knows."""
        found = _read(self.folder / f"rank-{rank}.json", Presence)
        return found is not None and is_gone(found.mark)

    def is_broken(self) -> bool:
        """Whether any of the others has certainly gone."""
        return any(self.is_left_by(rank) for rank in range(self.member.of) if rank != self.member.rank)

    def lets_down(self) -> bool:
        """Whether the training that is called cannot come to its end, because a follower said so or is gone."""
        return self.member.of > 1 and (self.fault() is not None or self.is_broken())

    def close(self) -> None:
        """The leader's last word: the job is done."""
        self.dismiss()
        if self.member.of > 1:
            self.folder.mkdir(exist_ok=True)
            (self.folder / OVER).touch()

    def is_over(self) -> bool:
        """Whether the leader has done all that it had to do, or is gone."""
        return (self.folder / OVER).exists() or self.is_left_by(0)

    def _write(self, name: str, note: Schema) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(self.folder / name, note.model_dump_json(by_alias=True), OWNER)


def _read(path: Path, schema: type[S]) -> S | None:
    with suppress(OSError, ValidationError):
        return schema.model_validate_json(path.read_bytes())
    return None
