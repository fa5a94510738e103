"""`harness reproduce`: a record's trial run again from the record alone, compared part by part."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from harness.cli.progress import watcher_for
from harness.cli.reproduced import Reproduced, as_json, as_text
from harness.errors import StoreError
from harness.following import Unwatched, Watcher
from harness.record_file import read_record
from harness.repetition.comparison import compare
from harness.reproduction import Means, reproduction
from harness.site_file import read_site


@dataclass(frozen=True)
class Asking:
    """What the command line adds to a record."""

    site: Path | None = None
    device: str | None = None
    keep: Path | None = None
    margin: float = 0.05
    plugins: tuple[Path, ...] = ()
    weights: Path | None = None


def reproduce_record(path: Path, asking: Asking, is_json: bool) -> int:
    """Checks the record, runs its trial in an empty folder, compares, prints, and gives the exit code."""
    record = read_record(path)
    means = Means(read_site(asking.site), asking.device, asking.weights, asking.plugins)
    with _results(asking.keep, means.site.paths.get("scratch")) as results, _watcher(is_json) as watcher:
        again = reproduction(record, results, means)
        new = again.run(watcher)
    found = Reproduced(record, new, compare(record, new, asking.margin, again.unanswered), again.notes)
    typer.echo(json.dumps(as_json(found), indent=1) if is_json else as_text(found, asking.keep))
    return found.exit_code


@contextmanager
def _results(keep: Path | None, scratch: str | None) -> Iterator[Path]:
    """The folder that is to be kept, or one that is gone afterwards, on the scratch disk where the site has one."""
    if keep is not None:
        yield keep
        return
    try:
        place = os.path.expandvars(scratch or "")
        home = place if place and Path(place).is_dir() else None
        made = tempfile.TemporaryDirectory(prefix="harness-reproduce-", dir=home, ignore_cleanup_errors=True)
    except OSError as error:
        raise StoreError(f"no temporary folder can be made: {error.strerror}; --keep DIR names one") from None
    with made as folder:
        yield Path(folder)


@contextmanager
def _watcher(is_json: bool) -> Iterator[Watcher]:
    if is_json:
        yield Unwatched()  # what a script reads is JSON alone
        return
    with watcher_for(sys.stdout.isatty()) as watcher:
        yield watcher
