"""What is said of a folder of records: of each record whether it is in order, and what is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from harness.schema import Json

State: TypeAlias = Literal["ok", "suspect", "unreadable"]
STATES: tuple[State, ...] = ("ok", "suspect", "unreadable")


@dataclass
class Checked:
    """One record, or another file that belongs to records: where it lies, and in sentences what is wrong with it.

    `notes` are what could not be checked, which is no fault.
    """

    place: str
    what: Literal["record", "plan", "file"] = "record"
    trial: str | None = None
    run: str | None = None
    is_readable: bool = True
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def state(self) -> State:
        """In order, doubtful, or not to be believed at all."""
        if not self.is_readable:
            return "unreadable"
        return "suspect" if self.findings else "ok"

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        return {
            "place": self.place,
            "what": self.what,
            "trial": self.trial,
            "run": self.run,
            "state": self.state,
            "findings": [*self.findings],
            "notes": [*self.notes],
        }


@dataclass(frozen=True)
class Verified:
    """Everything that lies in a folder, in order of place."""

    checked: tuple[Checked, ...]

    @property
    def records(self) -> tuple[Checked, ...]:
        """The records alone."""
        return tuple(one for one in self.checked if one.what == "record")

    def counts(self) -> dict[State, int]:
        """How many records are in each state."""
        states = [one.state for one in self.records]
        return {state: states.count(state) for state in STATES if state in states}

    @property
    def is_in_order(self) -> bool:
        """Whether nothing at all is wrong, with records or with what lies beside them."""
        return all(one.state == "ok" for one in self.checked)

    def as_json(self) -> dict[str, Json]:
        """For scripts."""
        counts: dict[str, Json] = {str(state): number for state, number in self.counts().items()}
        return {"counts": counts, "checked": [one.as_json() for one in self.checked]}
