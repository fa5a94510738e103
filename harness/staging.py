"""Data copied to a disk of the node, once for all its trials, and read there; fingerprints stay the same."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.datasets.base import Dataset
from harness.errors import StoreError
from harness.leases import lease
from harness.privacy import made_private
from harness.record_file import in_words
from harness.schema import digest, file_digest
from harness.whole_file import write_whole

CHUNK = 1 << 22
GB = 1e9
FORGOTTEN_S = 7 * 24 * 3600.0  # after which a chain of jobs is over
SPARE = 1.05  # of the room that the files take


class UnstagedError(Exception):
    """Why data are read where they lie."""


@dataclass(frozen=True)
class Listing:
    """Files of a folder by their path in it, each with its size and its time of change, in nanoseconds."""

    root: Path
    files: Mapping[str, tuple[int, int]]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(size for size, _ in self.files.values())

    def is_whole(self, copy: Path) -> bool:
        """Whether a copy has every file in its size: such disks are swept now and then."""
        try:
            return all((copy / name).stat().st_size == size for name, (size, _) in self.files.items())
        except OSError:
            return False


def staged(dataset: Dataset, paths: Mapping[str, Path], tell: Callable[[str], None], chain: str) -> dict[str, Path]:
    """The paths, with the data set's folder replaced by its copy in `paths['scratch']`.

    Where it cannot be copied the folder stays, with a warning. The jobs of one `chain` list the folder once on a node:
    a walk over a million files on a shared disk is what a copy is to spare.
    """
    found = dict(paths)
    if not dataset.has_path or dataset.title not in paths:
        return found
    try:
        found[dataset.title] = _copy_of(paths[dataset.title], _home(paths["scratch"]), dataset.title, tell, chain)
    except UnstagedError as error:
        message = f"data {dataset.title} are read where they lie: {error}"
        tell(message)
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    return found


def _home(scratch: Path) -> Path:
    """A folder of this user's own, for such disks are everybody's."""
    place = os.path.expandvars(scratch)
    if "$" in place:
        raise UnstagedError(f"this node has no variable for the scratch folder {scratch.name}")
    home = Path(place) / f"harness-{os.getuid()}"
    try:
        is_own = made_private(home)
    except OSError as error:
        raise UnstagedError(f"the scratch folder {in_words(error, 'written')}") from None
    if not is_own:
        raise UnstagedError("the folder for them on the scratch disk is somebody else's, or a link")
    return home


def _copy_of(source: Path, home: Path, title: str, tell: Callable[[str], None], chain: str) -> Path:
    known = home / f"{_called(title, source)}.{digest(chain)}.seen"
    return _seen(known, source) or _copied(source, title, tell, known)


def _called(title: str, source: Path) -> str:
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', title)}-{digest(str(source))}"


def _seen(known: Path, source: Path) -> Path | None:
    """The copy that an earlier trial of the same chain found whole, if it is still."""
    try:
        held = json.loads(known.read_text(encoding="utf-8"))
        copy = known.parent / Path(held["copy"]).name
        listing = Listing(source, {name: (size, changed) for name, (size, changed) in held["files"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return copy if listing.is_whole(copy) else None


def _remember(known: Path, copy: Path, listing: Listing) -> None:
    """For the other trials of the chain, which do without where it cannot be written; old notes go."""
    with suppress(OSError, StoreError):
        write_whole(known, json.dumps({"copy": copy.name, "files": listing.files}))
    for old in known.parent.glob("*.seen"):
        with suppress(OSError):  # another process has taken it away
            if time.time() - old.stat().st_mtime > FORGOTTEN_S:
                old.unlink()


def _copied(source: Path, title: str, tell: Callable[[str], None], known: Path) -> Path:
    home = known.parent
    try:
        listing = _listing(source)
    except OSError as error:
        raise UnstagedError(f"their folder {in_words(error, 'read')}") from None
    copy = home / f"{_called(title, source)}-{digest(sorted(listing.files.items()))}"
    try:
        with lease(home / f"{copy.name}.lease", lambda: listing.is_whole(copy)) as is_mine:
            if is_mine:
                _check_room(listing, home)
                tell(f"copying {listing.bytes / GB:.1f} GB of data {title} to this node")
                _fill(listing, copy)
    except StoreError as error:
        raise UnstagedError(str(error)) from None
    except OSError as error:
        raise UnstagedError(f"the copy {in_words(error, 'written')}") from None
    _remember(known, copy, listing)
    return copy


def _listing(source: Path) -> Listing:
    """Links are followed, each folder once; raises OSError for a folder that cannot be read."""
    files: dict[str, tuple[int, int]] = {}
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(source, onerror=_raised, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        for path in (Path(folder) / name for name in names):
            status = path.stat()
            files[path.relative_to(source).as_posix()] = (status.st_size, status.st_mtime_ns)
    return Listing(source, files)


def _raised(error: OSError) -> None:
    raise error  # else it would be a folder without files


def _check_room(listing: Listing, home: Path) -> None:
    free = shutil.disk_usage(home).free
    if listing.bytes * SPARE > free:
        raise UnstagedError(f"they take {listing.bytes / GB:.1f} GB, and the scratch disk has {free / 1e9:.1f} GB left")


def _fill(listing: Listing, copy: Path) -> None:
    for left in copy.parent.glob(f".{copy.name}-*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    draft = copy.with_name(f".{copy.name}-{secrets.token_hex(6)}")
    try:
        for name in listing.files:
            target = draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(listing.root / name, target)
        if not listing.is_whole(draft):
            raise UnstagedError("they changed while they were copied")
        if copy.exists():  # swept in part, or cut short by a full disk
            shutil.rmtree(copy)
        draft.rename(copy)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Raises UnstagedError where what can be read back is not what was written."""
    found = hashlib.sha256()
    with source.open("rb") as one, target.open("wb") as other:
        while chunk := one.read(CHUNK):
            found.update(chunk)
            other.write(chunk)
    if file_digest(target) != found.hexdigest():
        raise UnstagedError("what the scratch disk gives back is not what was written to it")
