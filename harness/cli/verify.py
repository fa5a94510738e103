"""`harness verify`: whether records that others made are in order, each with what is wrong about it."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import typer

from harness.cli.exits import FAILED, FINE, NOTHING
from harness.errors import visible
from harness.records import Record
from harness.verification.verdict import Checked, Verified
from harness.verification.verify import Further, verify
from harness.wording import counted

SHOWN = 30  # files with something wrong; all are in the JSON
SENTENCES = 5  # of one of them


def verify_folder(folder: Path, is_recomputing: bool, site: Path | None, as_json: bool) -> int:
    """Checks, prints, and gives the exit code: 0 all in order, 1 something is not, 3 no record is there."""
    with _further(folder, site) if is_recomputing else nullcontext() as further:
        found = verify(folder, further)
    typer.echo(json.dumps(found.as_json(), indent=1) if as_json else "\n".join(map(visible, _lines(found))))
    if not found.records and found.is_in_order:
        typer.echo(f"{folder.name}: no record lies here", err=True)
        return NOTHING
    return FINE if found.is_in_order else FAILED


@contextmanager
def _further(folder: Path, site: Path | None) -> Iterator[Further]:
    """Also makes exact numbers anew."""
    from harness.recomputing import Recomputer
    from harness.site_file import read_site

    roots = [place / "artifacts" for place in (folder, folder.parent)]
    with tempfile.TemporaryDirectory(prefix="harness-verify-", ignore_cleanup_errors=True) as scratch:
        recomputer = Recomputer(roots, read_site(site).paths, Path(scratch))

        def further(record: Record, one: Checked) -> None:
            found = recomputer.of(record)
            one.findings += found.findings
            one.notes += [*found.notes, f"{counted(found.numbers, 'exact number')} made anew"]

        yield further


def _lines(found: Verified) -> Iterator[str]:
    wrong = [one for one in found.checked if one.state != "ok"]
    for one in wrong[:SHOWN]:
        yield f"{one.state:10}  {one.place}"
        yield from (f"            {sentence}" for sentence in one.findings[:SENTENCES])
    if len(wrong) > SHOWN:
        yield f"... and {len(wrong) - SHOWN} more (--json lists all)"
    notes = Counter(note for one in found.records for note in one.notes)
    for note, times in notes.most_common(SENTENCES):
        yield f"note: {note} ({counted(times, 'record')})"
    counts = ", ".join(f"{number} {state}" for state, number in found.counts().items()) or "none"
    yield f"{counted(len(found.records), 'record')}: {counts}"
