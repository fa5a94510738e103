"""Artifacts on another disk than the records: `results/artifacts` is a link to where a site file puts them."""

from __future__ import annotations

import secrets
import shlex
import shutil
from contextlib import suppress
from pathlib import Path

from harness.errors import Problem, SpecError, StoreError
from harness.record_file import in_words

OWNER = ".results"  # in a folder of artifacts that lies elsewhere: the results folder that it was made for
DERIVED = {"inventory"}  # of artifacts: what is made again from nothing


def place_artifacts(results: Path, elsewhere: Path | None) -> Path:
    """`results/artifacts`, which is a link to a folder of its own in `elsewhere` where the site file says so.

    A link that is there stays, whoever asks, so that every command finds the artifacts without a site file. Raises
    SpecError where artifacts lie in another place already, StoreError for a link that leads nowhere.
    """
    link = results / "artifacts"
    if elsewhere is None:
        if link.is_symlink() and not link.is_dir():
            message = "leads to a folder that is not there; bring the disk back, or remove the link to start anew"
            raise StoreError(f"{results.name}/artifacts: {message}")
        return link
    try:
        _place(link, elsewhere)
    except OSError as error:
        raise StoreError(f"{elsewhere.name} (paths.artifacts): {in_words(error, 'written')}") from None
    return link


def foreign_owner(results: Path) -> str | None:
    """The results folder that the artifacts here were made for, where it is another than this one."""
    try:
        named = (results / "artifacts" / OWNER).read_text(encoding="utf-8")
    except OSError:
        return None
    return named if Path(named) != results.resolve() else None


def _place(link: Path, elsewhere: Path) -> None:
    if link.is_symlink():
        target = link.resolve()
        if target.parent == elsewhere.resolve():
            target.mkdir(parents=True, exist_ok=True)  # old files of such disks are often swept away, folders too
            return
        if target.exists():
            raise SpecError(
                Problem("paths.artifacts", f"the artifacts lie in another place, {target}; {_moving(link)}")
            )
        link.unlink()
    kept = {path.name for path in link.iterdir()} if link.is_dir() else set()
    if kept - DERIVED:
        message = f"artifacts lie in {link.parent.name}/artifacts already; {_moving(link)}"
        raise SpecError(Problem("paths.artifacts", message))
    target = elsewhere / f"results-{secrets.token_hex(6)}"
    target.mkdir(parents=True)
    (target / OWNER).write_text(str(link.parent.resolve()), encoding="utf-8")
    if kept:
        shutil.copytree(link, target, dirs_exist_ok=True)
        shutil.rmtree(link)
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        link.symlink_to(target)
    except FileExistsError:  # another launcher was first
        with suppress(OSError):
            shutil.rmtree(target)


def _moving(link: Path) -> str:
    here = shlex.quote(str(link))
    return f"to move them: mv {here}/ DIR/NAME && ln -s DIR/NAME {here}, with DIR as the site file names it"
