"""Comparisons as one HTML page that opens offline, and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.compare.hardware import Hardware
from harness.compare.hardware_words import in_words
from harness.compare.tables import by_mark, duel_table, legend, rules, side_table
from harness.compare.words import counts
from harness.regressions.comparison import Comparison
from harness.rendering import rendered
from harness.tables.table import Table, escape_markdown, markdown

LONGEST_TITLE = 70
TEMPLATES = Path(__file__).with_name("templates")


def html(found: Sequence[Comparison], hardware: Hardware | None) -> str:
    """Everything; what is equal or noise is folded away."""
    return rendered(
        "compare.html.j2",
        TEMPLATES,
        title=_title(found),
        first=found[0].first.label,
        rules=f"{rules(found[0])} Marks: {legend()}.",
        sides=side_table(found),
        hardware=in_words(hardware) if hardware else (),
        duels=duel_table(hardware.duels) if hardware else None,
        comparisons=[_part(one) for one in found],
    )


def as_markdown(found: Sequence[Comparison], hardware: Hardware | None) -> str:
    """The same in Markdown; what is equal or noise is counted only."""
    lines = [f"# {escape_markdown(_title(found))}", ""]
    for one in found:
        lines += [f"**{escape_markdown(one.second.label)}**: {escape_markdown(counts(one))}.", ""]
    lines += [escape_markdown(rules(found[0])), "", markdown(side_table(found))]
    for sentence in in_words(hardware) if hardware else ():
        lines += [escape_markdown(sentence), ""]
    if hardware and (duels := duel_table(hardware.duels)):
        lines += [markdown(duels)]
    for one in found:
        for table in by_mark(one, "-", "+", "?"):
            lines += [_headed(one, table), markdown(table)]
    return "\n".join(lines).rstrip() + "\n"


def _headed(one: Comparison, table: Table) -> str:
    return f"## {escape_markdown(one.second.label)}: {escape_markdown(table.title.lower())}\n"


def _title(found: Sequence[Comparison]) -> str:
    named = f"{', '.join(one.second.label for one in found)} against {found[0].first.label}"
    return named if len(named) <= LONGEST_TITLE else f"{len(found) + 1} sets of records"


def _part(one: Comparison) -> Mapping[str, object]:
    return {
        "label": one.second.label,
        "counts": counts(one),
        "open": tuple(by_mark(one, "-", "+")),
        "closed": tuple(by_mark(one, "?", "~", "=")),
    }
