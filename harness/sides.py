"""From a word to a set of records: a study, a snapshot, a file or a folder, narrowed by commit, machine or version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness import packs, snapshots
from harness.errors import Problem, SpecError, StoreError, short, suggestion
from harness.record_file import read_record
from harness.record_lines import FILE
from harness.records import Environment, Record, StudyIndex
from harness.schema import Json
from harness.sources import SUFFIX
from harness.store import INDEX, Store

SNAPSHOT = "snapshot:"
FORMS = "a study, snapshot:NAME, snapshot:NAME/STUDY, a records.jsonl.gz, a record, or a folder of results"
OF_MACHINE = ("gpus", "cpu")  # facts of a machine that its name may be a part of


@dataclass(frozen=True)
class Side:
    """Records that are compared with others; `index` is the plan of their study where one lies with them.

    `label` is the word that asked for them, without the folders of this machine.
    """

    label: str
    records: tuple[Record, ...]
    index: StudyIndex | None = None


def side(word: str, results: Path) -> Side:
    """The records that a word means; raises SpecError or StoreError for one that means none, or several.

    `smoke@commit=4bc4b80@torch=2.9` is the study `smoke`, less every record of another commit or version. A side may
    be without a record: a study that is planned and never ran.
    """
    place, *filters = [word] if _is_there(word) else word.split("@")
    found = _read(place, results)
    for text in filters:
        found = _narrowed(found, text, word)
    return found


def of_study(name: str, results: Path) -> Side:
    """A study in a results folder; raises StoreError where there is neither a plan nor a record of it."""
    store = Store(results)
    reading = store.read(name)
    try:
        return Side(name, reading.records, store.read_index(name))
    except StoreError:
        if not reading.records:
            raise
        return Side(name, reading.records)


def of_snapshot(name: str, results: Path, study: str | None = None) -> Side:
    """A study of a snapshot, which need not be named where the snapshot holds no other."""
    folder = snapshots.existing(results, name)
    word = f"{SNAPSHOT}{name}"
    chosen = _only(word, study, snapshots.studies_in(folder))
    return _kept(folder / chosen, word if study is None else f"{word}/{chosen}")


def _read(place: str, results: Path) -> Side:
    if place.startswith(SNAPSHOT):
        name, _, study = place.removeprefix(SNAPSHOT).partition("/")
        return of_snapshot(name, results, study or None)
    path = Path(place)
    if not _is_there(place):
        return _by_name(place, results)
    if path.is_file():
        return _from_file(path)
    is_name = "/" not in place and place in Store(results).studies()
    return of_study(place, results) if is_name else _from_folder(path)


def _is_there(place: str) -> bool:
    try:
        return Path(place).exists()
    except OSError:  # too long to be a name
        return False


def _by_name(place: str, results: Path) -> Side:
    if "/" in place or Path(place).suffix in (SUFFIX, ".gz"):
        raise SpecError(Problem(short(place), f"nothing is there; a side is {FORMS}"))
    known = Store(results).studies()
    if place not in known:
        raise SpecError(Problem(short(place), f"no such study in {results.name}; {suggestion(place, known)}"))
    return of_study(place, results)


def _from_file(path: Path) -> Side:
    if path.suffix == SUFFIX:
        return Side(path.name, (read_record(path),))
    if path.suffix == ".gz":
        return _kept(path, path.parent.name or path.name)
    raise SpecError(Problem(path.name, f"is neither a record nor a file of a snapshot; a side is {FORMS}"))


def _from_folder(path: Path) -> Side:
    """A snapshot's folder, a study's, a trial's, or one that holds a single study."""
    path = path.resolve()
    if (path / FILE).is_file():
        return _kept(path, path.name)
    if held := snapshots.studies_in(path):
        return _kept(path / _only(path.name, None, held), path.name)
    if any((path / name).exists() for name in (INDEX, packs.PACK)):
        return of_study(path.name, path.parent)
    if studies := Store(path).studies():
        return of_study(_only(path.name, None, studies), path)
    if files := sorted(path.glob(f"*{SUFFIX}")):
        return Side(path.name, tuple(map(read_record, files)))
    raise SpecError(Problem(path.name, f"a folder without a record; a side is {FORMS}"))


def _kept(path: Path, label: str) -> Side:
    found = snapshots.read(path)
    return Side(label, found.records, found.index)


def _only(word: str, study: str | None, held: tuple[str, ...]) -> str:
    """The study that is meant; raises where it is not there, or where one of several must be named."""
    if study is not None and study not in held:
        raise StoreError(f"{word} holds no study {study!r}; {suggestion(study, held)}")
    if study is None and len(held) > 1:
        message = f"holds {len(held)} studies; name one, as in {word}/{held[0]}; {suggestion('', held)}"
        raise SpecError(Problem(word, message))
    return study or held[0]


def _narrowed(found: Side, text: str, word: str) -> Side:
    """Less every record that a filter is not true of; raises SpecError where none is left of some."""
    key, equals, value = text.partition("=")
    if not equals or not key or not value:
        raise SpecError(Problem(short(word), f"@{text}: a filter is @commit=.., @machine=.. or @LIBRARY=VERSION"))
    told = _teller(key, found.records, word)
    held = tuple(record for record in found.records if any(_fits(key, value, fact) for fact in _facts(told, record)))
    if found.records and not held:
        known = {fact for record in found.records for fact in _facts(told, record)}
        raise SpecError(Problem(short(word), f"no record with {key} {short(value)}; {suggestion(value, known)}"))
    return replace(found, label=f"{found.label}@{text}", records=held)


def _fits(key: str, value: str, fact: str) -> bool:
    """A version by its leading parts, a commit by its first digits, a machine by any part of its name."""
    if key == "machine":
        return value.lower() in fact.lower()
    return fact.startswith(value) if key == "commit" else fact == value or fact.startswith(f"{value}.")


Teller = Callable[[Environment], Iterable[Json]]


def _facts(told: Teller, record: Record) -> Iterator[str]:
    return (str(fact) for fact in (told(record.environment) if record.environment else ()) if fact)


def _teller(key: str, records: Iterable[Record], word: str) -> Teller:
    """What a filter's key asks of an environment."""
    tellers: Mapping[str, Teller] = {"commit": _commits, "machine": _names}
    libraries = {name for record in records if record.environment for name in record.environment.versions}
    if key in tellers:
        return tellers[key]
    if key in libraries or not libraries:
        return lambda environment: [environment.versions.get(key)]
    raise SpecError(Problem(short(word), f"@{key}: nothing is called so; {suggestion(key, {*tellers, *libraries})}"))


def _commits(environment: Environment) -> Iterator[Json]:
    """That of the user's project, and that of harness."""
    yield from (environment.project.get("commit"), environment.harness.get("commit"))


def _names(environment: Environment) -> Iterator[Json]:
    """What a machine may be called: its class, its processor, each of its GPUs."""
    yield environment.machine_class
    for key in OF_MACHINE:
        fact = environment.machine.get(key)
        yield from fact if isinstance(fact, list) else [fact]
