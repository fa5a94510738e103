"""What stages made, kept by key and content, checked when read; no pickles."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StoreError
from harness.leases import lease
from harness.record_file import why
from harness.schema import Json, Options, Schema, digest, file_digest, sealed, unsealed

MANIFEST = "manifest.json"
KEY = re.compile(r"[0-9a-f]{4,64}")  # of an artifact, and its content
_NAME = re.compile(r"[a-z0-9_]{1,64}")


class Manifest(Schema):
    """What an artifact is: what its key was made of, its content, its files' SHA-256, and who made it where."""

    stage: str
    key: str
    asked: Options
    content: str
    files: dict[str, str]
    made_by: str
    run: str
    made: float
    machine_class: str
    software_class: str
    elapsed_s: float
    processes: int = 1  # that trained it together


@dataclass(frozen=True)
class Artifact:
    """A verified artifact on disk."""

    folder: Path
    manifest: Manifest

    def read_json(self, name: str) -> Json:
        """One of its JSON files."""
        found: Json = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return found


@dataclass(frozen=True)
class Maker:
    """Who makes artifacts: the trial and run at work, and the classes of machine and software."""

    trial: str
    run: str
    machine_class: str
    software_class: str
    processes: int = 1  # that train together, where this is something trained


class Artifacts:
    """`results/artifacts/<stage>/<key>/<content>/`, written once by rename."""

    def __init__(self, results: Path) -> None:
        self.root = results / "artifacts"
        self.leases = results / ".leases"

    def get(self, stage: str, key: str, maker: Maker, since: float = 0.0) -> Artifact | None:
        """An intact artifact: made on this machine class before any other, the newest first.

        A damaged one is renamed `<content>.damaged-*` and left for its owner to look at.
        """
        found = [self._read(folder) for folder in sorted((self.root / stage / key).glob("[0-9a-f]*"))]
        intact = [a for a in found if a is not None and a.manifest.made >= since]
        return max(
            intact, key=lambda a: (a.manifest.machine_class == maker.machine_class, a.manifest.made), default=None
        )

    def exact(self, stage: str, key: str, content: str) -> Artifact | None:
        """The intact artifact of this very content, as a record names it."""
        if not all(_NAME.fullmatch(part) for part in (stage, key, content)):
            return None  # no name of an artifact: it could lead out of the folder
        folder = self.root / stage / key / content
        return self._read(folder) if folder.is_dir() else None

    def obtain(
        self, stage: str, asked: Options, key: str, maker: Maker, make: Callable[[Path], str], since: float = 0.0
    ) -> tuple[Artifact, bool]:
        """The artifact and whether it was there already; else `make(folder)` fills a folder and returns its content."""
        found = self.get(stage, key, maker, since)
        if found is not None:
            return found, True
        held: list[Artifact] = []

        def is_made() -> bool:
            there = self.get(stage, key, maker, since)
            held.extend([there] if there else [])
            return there is not None

        with lease(self.leases / f"{stage}-{key}.lease", is_made) as is_mine:
            if not is_mine:
                return held[-1], True
            return self._made(stage, asked, key, maker, make), False

    def unfinished(self, stage: str, key: str, maker: Maker, since: float = 0.0) -> Path:
        """Where work on an artifact keeps how far it came, for a later process on the same kind of machine to go on.

        It need not exist, is emptied of what is older than `since`, and is gone once the artifact is there.
        """
        where = digest([maker.machine_class, maker.software_class])
        folder = self.root / stage / key / f".unfinished-{where}"
        if folder.is_dir() and max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))) < since:
            shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _made(self, stage: str, asked: Options, key: str, maker: Maker, make: Callable[[Path], str]) -> Artifact:
        home = self.root / stage / key
        draft = home / f".draft-{secrets.token_hex(6)}"
        try:
            draft.mkdir(parents=True)
            started = time.perf_counter()
            content = make(draft)
            files = {path.name: file_digest(path) for path in sorted(draft.iterdir())}
            manifest = Manifest(
                stage=stage,
                key=key,
                asked=asked,
                content=content,
                files=files,
                made_by=maker.trial,
                run=maker.run,
                made=time.time(),
                machine_class=maker.machine_class,
                software_class=maker.software_class,
                elapsed_s=time.perf_counter() - started,
                processes=maker.processes,
            )
            placed = _placed(draft, home / content, manifest)
            shutil.rmtree(self.unfinished(stage, key, maker), ignore_errors=True)
            return placed
        except OSError as error:
            raise StoreError(f"the artifact {stage}/{key} cannot be written: {why(error)}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _read(self, folder: Path) -> Artifact | None:
        if "." in folder.name:
            return None
        manifest = intact(folder)
        if manifest is None or (manifest.stage, manifest.key, manifest.content) != folder.parts[-3:]:
            _set_aside(folder)
            return None
        return Artifact(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """What the manifest of an artifact says; raises OSError or ValueError where it cannot be read or was changed."""
    return Manifest.model_validate(unsealed(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))))


def intact(folder: Path) -> Manifest | None:
    """The manifest of an artifact whose files are all as it says; the folder is left as it is."""
    try:
        manifest = read_manifest(folder)
        is_whole = all(file_digest(folder / Path(name).name) == known for name, known in manifest.files.items())
    except (OSError, ValueError, RecursionError):
        return None
    return manifest if is_whole else None


def _placed(draft: Path, final: Path, manifest: Manifest) -> Artifact:
    _write(draft, manifest)
    try:
        draft.rename(final)
    except OSError:
        held = intact(final)
        if held is None:
            raise
        # The same content is there already: its files stand, newly attested, and ours go with the draft.
        manifest = manifest.model_copy(update={"files": held.files})
        _write(draft, manifest)
        (draft / MANIFEST).replace(final / MANIFEST)
    return Artifact(final, manifest)


def _write(folder: Path, manifest: Manifest) -> None:
    (folder / MANIFEST).write_text(json.dumps(sealed(manifest.model_dump(mode="json"))), encoding="utf-8")


def _set_aside(folder: Path) -> None:
    # Another process may set the same folder aside at this moment: that is as good.
    try:
        folder.rename(folder.with_name(f"{folder.name}.damaged-{secrets.token_hex(4)}"))
    except OSError:
        return
