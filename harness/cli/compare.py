"""`harness compare`: two or more sets of records beside each other, trial by trial and across machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from harness.cli.differences import difference_lines, side_lines, wrapped
from harness.cli.exits import FINE, NOTHING
from harness.cli.written import write_asked
from harness.compare.document import of_comparisons
from harness.compare.hardware import Hardware, hardware
from harness.compare.hardware_words import in_words
from harness.compare.page import as_markdown, html
from harness.compare.words import counts
from harness.errors import Problem, SpecError, visible
from harness.regressions.comparison import Comparison, compare
from harness.regressions.finding import Limits
from harness.sides import side

PAGES = {".html": html, ".md": as_markdown}


def compare_sides(words: Sequence[str], limits: Limits, to: Path | None, as_json: bool, results: Path) -> int:
    """Compares every side with the first, prints or writes it, and gives the exit code."""
    if len(words) < 2:
        raise SpecError(Problem("sides", "name at least two: what is compared, and with what"))
    if to is not None and to.suffix not in PAGES:
        raise SpecError(Problem("--to", f"{to.name!r} must end in {' or '.join(PAGES)}"))
    first, *others = (side(word, results) for word in words)
    found = [compare(first, other, limits) for other in others]
    machines = hardware([first, *others])
    if to is not None:
        write_asked(to, PAGES[to.suffix](found, machines))
    typer.echo(
        json.dumps(of_comparisons(found, machines), indent=1)
        if as_json
        else "\n".join(map(visible, _lines(found, machines)))
    )
    return NOTHING if machines is None and all(one.is_empty for one in found) else FINE


def _lines(found: Sequence[Comparison], machines: Hardware | None) -> Iterator[str]:
    yield from side_lines("first:", found[0].first)
    for one in found:
        yield from side_lines("against it:" if len(found) > 1 else "second:", one.second)
        yield from difference_lines(one)
        yield from ("", counts(one), "")
    for sentence in in_words(machines) if machines else ():
        yield from wrapped(sentence, "", "  ")
