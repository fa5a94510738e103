"""Artifacts that nothing needs any more: what each is kept for, and their removal. Records are never touched."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from harness.artifacts import KEY, Manifest, read_manifest
from harness.errors import StoreError
from harness.jobs import EventTail, JobFolder, events_path
from harness.leases import held_in, is_held
from harness.live import Live, live_jobs, note_of
from harness.packs import PACK
from harness.records import Record
from harness.roots import foreign_owner
from harness.store import INDEX, Store

Keep: TypeAlias = Literal["newest", "records", "plans", "nothing"]
KEEPS: tuple[Keep, ...] = ("newest", "records", "plans", "nothing")
# Stages of several artifacts, which records from before they were named do not tell, and what these are kept under.
SEVERAL = {"evaluate": ("evaluate",), "cost": ("cost",), "assure": ("stability", "table")}
REMOVED = ".removed-"
SETTLED_S = 3600.0  # a draft that was not touched for so long, and that nobody holds a lease for, has no maker left


@dataclass(frozen=True)
class Entry:
    """One folder among the artifacts: its place as `stage/key/content`, what it takes, whether it goes, and why."""

    folder: Path
    place: str
    stage: str
    bytes: int
    goes: bool
    why: str
    is_rubbish: bool = False  # no trial will ever ask for it


@dataclass
class Uses:
    """Which trials use which artifacts: by what records name, and by who made them."""

    named: dict[str, set[str]] = field(default_factory=dict)  # trials by KEY/CONTENT: a stage may make other artifacts
    recorded: dict[str, set[str]] = field(default_factory=dict)  # studies by trial
    planned: dict[str, set[str]] = field(default_factory=dict)
    unclear: set[str] = field(default_factory=set)  # stages of which a record may use more than it names

    def trials(self, manifest: Manifest) -> set[str]:
        """The trials that an artifact is of."""
        place = f"{manifest.key}/{manifest.content}"
        return {*self.named.get(place, ()), manifest.made_by} & {*self.recorded, *self.planned}

    def studies(self, manifest: Manifest) -> set[str]:
        """Their studies."""
        trials = self.trials(manifest)
        return {s for trial in trials for s in (*self.recorded.get(trial, ()), *self.planned.get(trial, ()))}


@dataclass(frozen=True)
class Wish:
    """How much is to be kept, of which stages (none named: all), and of one study or of all."""

    keep: Keep = "newest"
    stages: tuple[str, ...] = ()
    study: str | None = None


@dataclass
class Cleared:
    """What was removed; `held_by` is what ran meanwhile, so that the rest stayed."""

    entries: list[Entry] = field(default_factory=list)
    held_by: str | None = None


def entries(results: Path, wish: Wish) -> list[Entry]:
    """Every folder among the artifacts that the wish is about, with its fate and the reason; nothing is changed."""
    store = Store(results)
    if wish.study is not None and wish.study not in store.studies():
        raise StoreError(f"{results.name}: no study {wish.study!r} here; known: {', '.join(store.studies()) or 'none'}")
    uses = _uses(store)
    root = results / "artifacts"
    stages = [path for path in sorted(root.glob("*")) if path.is_dir() and path.name != "inventory"]
    unknown = {*wish.stages} - {path.name for path in stages}
    if unknown:
        known = ", ".join(path.name for path in stages) or "none"
        raise StoreError(f"--stage {sorted(unknown)[0]}: no artifacts of that stage here; known: {known}")
    wanted = [path for path in stages if not wish.stages or path.name in wish.stages]
    keys = [key for stage in wanted for key in sorted(stage.iterdir()) if KEY.fullmatch(key.name) and key.is_dir()]
    return [entry for key in keys for entry in _of_key(key, results, uses, wish)]


def clear(results: Path, found: Sequence[Entry]) -> Cleared:
    """Removes what goes. Each is renamed first, and comes back where a trial has begun until then.

    So a running trial loses nothing: it holds a lease before it looks for an artifact.
    """
    owner = foreign_owner(results)
    if owner is not None:
        raise StoreError(
            f"{results.name}/artifacts: are those of another results folder, {owner}; give the command there, or "
            f"delete the file .results among them where this is that folder, moved"
        )
    done = Cleared(held_by=_awaited(results))
    if done.held_by is not None:
        return done
    for entry in (one for one in found if one.goes):
        if entry.is_rubbish:
            shutil.rmtree(entry.folder, ignore_errors=True)
        elif not _removed(entry, results / ".leases", done):
            break
        done.entries.append(entry)
    if done.held_by is None:
        for place in {entry.folder.parent for entry in done.entries}:
            with suppress(OSError):  # not empty
                place.rmdir()
    return done


def _awaited(results: Path) -> str | None:
    """A job that runs or waits: it may go on with what another has made, and hold no lease yet."""
    for study in Store(results).studies():
        for one in live_jobs(JobFolder(results, study)):
            if one.handle.is_running() and not _has_ended(one):
                return f"job {one.job.id} of {study} (jobs/{note_of(one.file).name})"
    return None


def _has_ended(one: Live) -> bool:
    """By its own words: of a machine that is gone nobody can tell in another way."""
    return any(event.get("event") in ("finished", "cancelled") for event in EventTail(events_path(one.file)).new())


def _removed(entry: Entry, leases: Path, done: Cleared) -> bool:
    aside = entry.folder.with_name(f"{REMOVED}{secrets.token_hex(6)}")
    try:
        entry.folder.rename(aside)
    except OSError as error:
        raise StoreError(f"{entry.place}: cannot be removed: {error.strerror}") from None
    held = held_in(leases)
    if held:
        try:
            aside.rename(entry.folder)
        except OSError:  # that trial has made it anew
            shutil.rmtree(aside, ignore_errors=True)
        done.held_by = held[0]
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def _uses(store: Store) -> Uses:
    uses = Uses()
    for study in store.studies():
        for record in _records(store, study):
            uses.recorded.setdefault(record.trial.id, set()).add(study)
            for stage, run in record.run.stages.items():
                for part in run.parts or [f"{run.key}/{run.content}"]:
                    uses.named.setdefault(part, set()).add(record.trial.id)
                if not run.parts:
                    uses.unclear.update(SEVERAL.get(stage, ()))
        for trial in _planned(store, study):
            uses.planned.setdefault(trial, set()).add(study)
    return uses


def _records(store: Store, study: str) -> tuple[Record, ...]:
    found = store.read(study)
    lost = next((one for one in found.damaged if one.path == f"{study}/{PACK}"), None)
    if lost is not None:
        raise StoreError(f"{lost.path}: {lost.reason}, so what its trials use is unknown")
    return found.records


def _planned(store: Store, study: str) -> list[str]:
    """A plan that cannot be read is told: what it needs would go."""
    has_plan = (store.folder(study) / INDEX).exists()
    return [trial.id for trial in store.read_index(study).trials] if has_plan else []


def _of_key(key: Path, results: Path, uses: Uses, wish: Wish) -> Iterator[Entry]:
    folders = [path for path in sorted(key.iterdir()) if path.is_dir()]
    contents = {path: _manifest(path) for path in folders if KEY.fullmatch(path.name)}
    newest = _newest([manifest for manifest in contents.values() if manifest])
    for path in folders:
        if path in contents:
            found = _of_content(contents[path], newest, uses, wish)
        elif wish.study is not None:
            continue  # nobody can tell whose it is
        else:
            found = _of_rest(path, results, bool(contents), wish)
        if found is not None:
            goes, why, is_rubbish = found
            place = "/".join(path.parts[-3:])
            yield Entry(path, place, key.parent.name, _bytes(path), goes, why, is_rubbish)


Fate: TypeAlias = tuple[bool, str, bool]


def _of_content(manifest: Manifest | None, newest: set[str], uses: Uses, wish: Wish) -> Fate | None:
    if manifest is None:
        return None if wish.study else (False, "its manifest cannot be read; the next trial sets it aside", False)
    trials, studies = uses.trials(manifest), uses.studies(manifest)
    if wish.study is not None and wish.study not in studies:
        return None
    others = studies - {wish.study}
    if wish.study is not None and others:
        return False, f"study {min(others)} uses it as well", False
    return _kept(manifest, trials, newest, uses, wish)


def _kept(manifest: Manifest, trials: set[str], newest: set[str], uses: Uses, wish: Wish) -> Fate:
    """By the first reason that holds."""
    reasons = (
        (wish.keep == "nothing", True, "asked for"),
        (bool(trials & uses.planned.keys()), False, "of a trial that is planned"),
        (wish.keep == "plans", True, "of no trial that is planned"),
        (bool(trials), False, "of a trial that has a record"),
        (manifest.stage in uses.unclear, False, "may be of a record that does not name its parts"),
        (wish.keep == "newest" and manifest.content in newest, False, "the newest that was made of its kind"),
        (True, True, "of no trial that is planned or has a record"),
    )
    return next((goes, why, False) for holds, goes, why in reasons if holds)


def _of_rest(path: Path, results: Path, is_made: bool, wish: Wish) -> Fate | None:
    """What lies beside contents: work in hand, and what was left behind."""
    if path.name.startswith(".unfinished-"):
        why = "an unfinished training" + (" whose weights are there" if is_made else "")
        return is_made or wish.keep == "nothing", why, False
    if path.name.startswith(".draft-"):
        is_old = not _is_in_hand(path, results)
        return is_old, "left by a process that was killed" if is_old else "being made, or was a moment ago", is_old
    if path.name.startswith(REMOVED) or ".damaged-" in path.name:
        why = "damaged, and set aside" if ".damaged-" in path.name else "left by an earlier removal"
        return True, why, True
    return None


def _is_in_hand(draft: Path, results: Path) -> bool:
    lease = results / ".leases" / f"{draft.parent.parent.name}-{draft.parent.name}.lease"
    try:
        return is_held(lease) or time.time() - draft.stat().st_mtime < SETTLED_S
    except OSError:  # it has become an artifact at this moment
        return True


def _newest(manifests: list[Manifest]) -> set[str]:
    """The contents that a trial would take: of each machine class the newest."""
    best: dict[str, Manifest] = {}
    for manifest in manifests:
        held = best.get(manifest.machine_class)
        if held is None or manifest.made > held.made:
            best[manifest.machine_class] = manifest
    return {manifest.content for manifest in best.values()}


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except (OSError, ValueError, RecursionError):
        return None


def _bytes(folder: Path) -> int:
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # gone meanwhile
            sizes.append(path.lstat().st_size)
    return sum(sizes)
