"""Which parts of the environment changed, and whether times may be compared across that change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.records import Environment
from harness.schema import Json

SOFTWARE = "software class"
UNKNOWN = "one of the runs ended before its machine was known"


@dataclass(frozen=True)
class Change:
    """One fact of the environment that is not what it was; null where it was or is not there."""

    what: str
    recorded: Json
    here: Json


def changes(old: Environment | None, new: Environment | None) -> tuple[Change, ...]:
    """Every fact that differs: commit, versions, machine, device, threads, variables; none where one is not known."""
    if old is None or new is None:
        return ()
    mine, other = dict(_facts(old)), dict(_facts(new))
    names = [*mine, *(name for name in other if name not in mine)]
    return tuple(Change(name, mine.get(name), other.get(name)) for name in names if mine.get(name) != other.get(name))


def commits_of(environment: Environment) -> tuple[Json, ...]:
    """The code that made a record: of the project and of harness the commit, and whether files were changed since."""
    return tuple(facts.get(key) for facts in (environment.project, environment.harness) for key in ("commit", "dirty"))


def _facts(environment: Environment) -> Iterator[tuple[str, Json]]:
    plain: dict[str, Json] = environment.model_dump(mode="json")
    for name, value in plain.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", item) for key, item in value.items())
        else:
            yield name, value


def unlike(old: Environment | None, new: Environment | None) -> str | None:
    """Why raw times of the two cannot be compared; None where nothing speaks against it."""
    if old is None or new is None:
        return UNKNOWN
    found = apart(old, new).items()
    return ", ".join(f"another {name} ({mine}, here {other})" for name, (mine, other) in found) or None


def apart(old: Environment, new: Environment) -> dict[str, tuple[Json, Json]]:
    """What differs of all that raw times depend on, by its name."""
    pairs: dict[str, tuple[Json, Json]] = {
        "machine class": (old.machine_class, new.machine_class),
        SOFTWARE: (old.software_class, new.software_class),
        "kind of device": (_kind(old.device), _kind(new.device)),
        "number of threads": (old.threads, new.threads),
    }
    return {name: (mine, other) for name, (mine, other) in pairs.items() if mine != other}


def _kind(device: str) -> str:
    return device.partition(":")[0]
