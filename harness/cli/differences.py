"""What a comparison found as lines for a terminal: sides, what is worse and better, what is unknown and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from harness.compare.words import change, described, reason, unknown, values
from harness.regressions.comparison import Comparison
from harness.regressions.finding import Finding
from harness.sides import Side

WIDTH = 110
MOST = 30  # findings, or reasons, that are shown
INDENT = "    "


def side_lines(word: str, side: Side) -> list[str]:
    """`first: smoke, 5 trials, 12 runs, ...`."""
    return wrapped(f"{word} {side.label}: {described(side)}", "", INDENT)


def difference_lines(found: Comparison) -> Iterator[str]:
    """What is worse, better and unknown; what is equal or noise is counted elsewhere."""
    for title, own in (("worse", found.marked("-")), ("better", found.marked("+"))):
        yield from titled(
            title, len(own), [line for finding in own[:MOST] for line in _finding(finding)], len(own) - MOST
        )
    doubtful = list(unknown(found.marked("?")))
    lines = [line for text in doubtful[:MOST] for line in wrapped(text, "  ? ", INDENT)]
    yield from titled("unknown", len(found.marked("?")), lines, len(doubtful) - MOST)


def titled(title: str, count: int, lines: Sequence[str], more: int) -> Iterator[str]:
    """Lines under a title; nothing where there are none."""
    if count:
        yield from ("", f"{title}: {count}", *lines)
        if more > 0:
            yield f"{INDENT}and {more} more (--json has all)"


def wrapped(text: str, first: str, rest: str) -> list[str]:
    """A text as lines that a terminal holds."""
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _finding(finding: Finding) -> Iterator[str]:
    yield from wrapped(f"{finding.trial}: {finding.what}", f"  {finding.mark} ", INDENT)
    first, second = values(finding)
    moved = f"{first} -> {second}" if finding.first is not None or finding.second is not None else ""
    told = "; ".join(filter(None, (f"{moved} {change(finding)}".strip(), reason(finding))))
    yield from wrapped(told, INDENT * 2, INDENT * 2)
