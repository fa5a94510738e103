"""Results of several machines in one folder: records and artifacts are added, nothing that is there is changed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.artifacts import KEY, MANIFEST, Manifest, intact
from harness.errors import StoreError
from harness.records import STAGES, StudyIndex
from harness.store import Store

# Of two plans that are joined: each may have entries of its own.
LISTS = ("criteria", "collectors", "random_criteria", "calibrated_criteria", "collector_options", "references")


@dataclass
class Gathered:
    """What a merge brought: runs and artifacts that are new here, and in sentences what was left where it is."""

    records: int = 0
    artifacts: int = 0
    refused: list[str] = field(default_factory=list)


def merge(source: Path, results: Path) -> Gathered:
    """Adds what another results folder holds; raises StoreError where that is none, or this one cannot be written.

    The same trial on several machines becomes several runs side by side. Artifacts are known by their content, so those
    of two machines never mix; what is damaged, or contradicts what is here, stays where it is and is told.
    """
    there, here = Store(source), Store(results)
    studies = there.studies()
    if not studies and not (source / "artifacts").is_dir():
        raise StoreError(f"{source.name}: no results lie here, neither records nor artifacts")
    found = Gathered()
    for study in studies:
        _add_records(there, here, study, found)
    try:
        for folder in _artifacts(source):
            _add_artifact(folder, results / folder.relative_to(source), found)
    except OSError as error:
        raise StoreError(f"{results.name}: cannot be written: {error.strerror or error}") from None
    return found


def _add_records(there: Store, here: Store, study: str, found: Gathered) -> None:
    reading = there.read(study)
    known = {record.run.id: record for record in here.records(study)}
    for record in reading.records:
        same = known.get(record.run.id)
        if same is None and (here.folder(study) / record.trial.id / f"{record.run.id}.json").exists():
            found.refused.append(f"{study}: run {record.run.id} of {record.trial.id} is damaged here")
        elif same is None:
            here.write_record(record)
            found.records += 1
        elif same != record:
            found.refused.append(
                f"{study}: run {record.run.id} of {record.trial.id} is another one here; it stays there"
            )
    found.refused += [f"{damaged.path}: {damaged.reason}" for damaged in reading.damaged]
    theirs, mine = _index(there, study), _index(here, study)
    if theirs is not None:
        here.write_index(theirs if mine is None else _joined(mine, theirs))


def _index(store: Store, study: str) -> StudyIndex | None:
    try:
        return store.read_index(study)
    except StoreError:
        return None


def _joined(mine: StudyIndex, theirs: StudyIndex) -> StudyIndex:
    """My plan, with the trials, criteria and collectors that only theirs has behind my own."""
    trials = {trial.id: trial for trial in (*theirs.trials, *mine.trials)}
    order = dict.fromkeys([*(trial.id for trial in mine.trials), *trials])
    return mine.model_copy(
        update={
            "trials": tuple(trials[trial_id] for trial_id in order),
            "is_synthetic": mine.is_synthetic or theirs.is_synthetic,
            "parts": {**theirs.parts, **mine.parts},
            **{name: _with_more(getattr(mine, name), getattr(theirs, name)) for name in LISTS},
        }
    )


def _with_more(mine: Sequence[Any], theirs: Sequence[Any]) -> tuple[Any, ...]:
    return (*mine, *(one for one in theirs if one not in mine))


def _artifacts(source: Path) -> Iterator[Path]:
    """Folders that can be artifacts by their place: `artifacts/<stage>/<key>/<content>`."""
    for stage in STAGES:
        for folder in sorted((source / "artifacts" / stage).glob("*/*")):
            if KEY.fullmatch(folder.name) and KEY.fullmatch(folder.parent.name) and folder.is_dir():
                yield folder


def _add_artifact(folder: Path, target: Path, found: Gathered) -> None:
    shown = "/".join(folder.parts[-4:])
    manifest = None if _has_links(folder) else intact(folder)
    if manifest is None or (manifest.stage, manifest.key, manifest.content) != folder.parts[-3:]:
        found.refused.append(f"{shown}: damaged, or not what its manifest says")
        return
    if target.exists():
        return
    draft = target.with_name(f".draft-{secrets.token_hex(6)}")
    try:
        draft.mkdir(parents=True)
        for name in (*_names(manifest), MANIFEST):
            shutil.copyfile(folder / name, draft / name)
        if intact(draft) is None:  # changed while it was copied
            found.refused.append(f"{shown}: changed while it was copied")
            return
        draft.rename(target)
        found.artifacts += 1
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _has_links(folder: Path) -> bool:
    # A link would bring a file of this machine that its maker never saw.
    return folder.is_symlink() or any(path.is_symlink() for path in folder.iterdir())


def _names(manifest: Manifest) -> list[str]:
    return [Path(name).name for name in manifest.files]
