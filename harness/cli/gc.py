"""`harness gc`: what artifacts take, what each is kept for, and their removal where that is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from harness.clearing import Entry, Wish, clear, entries
from harness.cli.exits import FAILED, FINE
from harness.wording import counted

SHOWN = 40
MB = 1e6


def clear_artifacts(wish: Wish, is_meant: bool, as_json: bool, results: Path) -> int:
    """Shows what would go and what stays, with reasons; removes only where `is_meant` says so."""
    found = entries(results, wish)
    going = [entry for entry in found if entry.goes]
    if as_json:
        typer.echo(json.dumps([_as_json(entry) for entry in found], indent=1))
    else:
        typer.echo("\n".join(_lines(found)))
    if not is_meant:
        typer.echo(f"nothing was removed; --delete removes {_amount(going)}", err=True)
        return FINE
    done = clear(results, going)
    typer.echo(f"{_amount(done.entries)} removed", err=True)
    if done.held_by is not None:
        typer.echo(f"{done.held_by} is held: the rest stayed; give the command again when that has ended", err=True)
        return FAILED
    return FINE


def _lines(found: Sequence[Entry]) -> list[str]:
    """What goes, folder by folder; what stays, by stage and reason."""
    going = [entry for entry in found if entry.goes]
    lines = [f"goes   {entry.bytes / MB:9.1f} MB  {entry.place}: {entry.why}" for entry in going[:SHOWN]]
    if len(going) > SHOWN:
        lines.append(f"... and {len(going) - SHOWN} more (--json lists all)")
    kept: dict[tuple[str, str], list[Entry]] = {}
    for entry in found:
        if not entry.goes:
            kept.setdefault((entry.stage, entry.why), []).append(entry)
    lines += [
        f"stays  {sum(entry.bytes for entry in group) / MB:9.1f} MB  {len(group)} of {stage}: {why}"
        for (stage, why), group in kept.items()
    ]
    return lines or ["no artifacts"]


def _amount(found: Iterable[Entry]) -> str:
    held = list(found)
    return f"{counted(len(held), 'folder')}, {sum(entry.bytes for entry in held) / MB:.1f} MB"


def _as_json(entry: Entry) -> dict[str, object]:
    return {"place": entry.place, "bytes": entry.bytes, "goes": entry.goes, "why": entry.why}
