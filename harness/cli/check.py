"""`harness check`: is a study as good as its snapshot? For people, scripts, build services and pull requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import typer

from harness import snapshots
from harness.cli.differences import difference_lines, side_lines, wrapped
from harness.cli.exits import FAILED, FINE, NOTHING
from harness.cli.report import study_name
from harness.cli.written import write_asked
from harness.compare.document import of_gate
from harness.compare.junit import junit
from harness.compare.summary import VERDICTS, summary
from harness.compare.words import counts, unseen
from harness.errors import visible
from harness.regressions.finding import Limits
from harness.regressions.gate import Gate, gate
from harness.sides import Side, of_snapshot, of_study
from harness.wording import counted

EXITS = {"passed": FINE, "regression": FAILED, "nothing": NOTHING}


@dataclass(frozen=True)
class Asked:
    """What the command line says beside the study and the snapshot."""

    limits: Limits = field(default_factory=Limits)
    is_strict: bool = False
    as_json: bool = False
    junit: Path | None = None
    markdown: Path | None = None


def check_study(study: str, name: str, asked: Asked, results: Path) -> int:
    """Compares, writes what was asked for, prints, and gives the exit code."""
    own = study_name(study)
    folder = snapshots.existing(results, name)
    if own not in snapshots.studies_in(folder):
        return _nothing(f"snapshot {name!r} holds no study {own!r}; `snapshot save {name} --study {own}` keeps it")
    kept, here = of_snapshot(name, results, own), of_study(own, results)
    found = gate(here, kept, asked.limits, is_strict=asked.is_strict)
    code = EXITS[found.verdict]
    if asked.junit is not None:
        write_asked(asked.junit, junit(found, own))
    if asked.markdown is not None:
        write_asked(asked.markdown, summary(found, own))
    typer.echo(
        json.dumps(of_gate(found, code), indent=1)
        if asked.as_json
        else "\n".join(map(visible, _lines(found, own, here)))
    )
    return code


def _nothing(sentence: str) -> int:
    typer.echo(f"nothing to compare with: {sentence}", err=True)
    return NOTHING


def _lines(found: Gate, study: str, here: Side) -> Iterator[str]:
    comparison = found.comparison
    yield from side_lines("snapshot:", comparison.first)
    yield from side_lines("here:", comparison.second)
    old = len(here.records) - len(comparison.second.records)
    if old:
        yield f"{counted(old, 'run')} here left out: the snapshot holds {'it' if old == 1 else 'them'}"
    yield from difference_lines(comparison)
    yield from ("", counts(comparison))
    yield from wrapped(f"{VERDICTS[found.verdict]}: {_closing(found, study, old)}", "", "  ")


def _closing(found: Gate, study: str, old: int) -> str:
    if found.verdict == "regression":
        missing = sum(finding.is_missing for finding in found.regressions)
        strictly = f", {missing} of them missing" if missing else ""
        return f"{counted(len(found.regressions), 'finding')}{strictly}"
    if found.verdict == "nothing":
        again = f"run {study} again with --fresh all, or --fresh cost for its costs" if old else f"run {study} first"
        return again if not found.comparison.second.records else "every finding is unknown"
    return unseen(found) or "no noisy metric was judged"
