"""The verdict of a gate as Markdown for the comment of a pull request: one line first, details folded away."""

from __future__ import annotations

from harness.compare.tables import finding_table, rules, side_table
from harness.compare.words import counts, unknown, unseen
from harness.regressions.gate import Gate
from harness.tables.table import Table, escape_markdown, markdown

MOST = 20  # rows of a table; a comment is read on a phone
MOST_REASONS = 10
VERDICTS = {"passed": "No regression", "regression": "Regression", "nothing": "Nothing was compared"}


def summary(gate: Gate, study: str) -> str:
    """A heading, what is worse, and two foldable parts; it ends with how to see the rest."""
    found = gate.comparison
    lines = [f"### {VERDICTS[gate.verdict]}: {escape_markdown(study)} against {escape_markdown(found.first.label)}", ""]
    lines += [f"{escape_markdown(counts(found))}.", ""]
    if gate.verdict == "passed" and (worth := unseen(gate)):
        lines += [f"This check {escape_markdown(worth)}.", ""]
    if gate.regressions:
        lines += [markdown(finding_table("Worse", gate.regressions, MOST))]
    if better := found.marked("+"):
        lines += _folded("Better", len(better), markdown(finding_table("Better", better, MOST)))
    if doubtful := found.marked("?"):
        told = [f"- {escape_markdown(text)}" for text in unknown(doubtful)]
        more = [f"- and {len(told) - MOST_REASONS} more"] if len(told) > MOST_REASONS else []
        lines += _folded("Unknown", len(doubtful), "\n".join([*told[:MOST_REASONS], *more]))
    lines += _folded("How it was compared", None, f"{escape_markdown(rules(found))}\n\n{_sides(gate)}")
    return "\n".join(lines).rstrip() + "\n"


def _sides(gate: Gate) -> str:
    table: Table = side_table([gate.comparison])
    return markdown(table)


def _folded(title: str, count: int | None, body: str) -> list[str]:
    head = title if count is None else f"{title} ({count})"
    return ["<details>", f"<summary>{head}</summary>", "", body.rstrip(), "", "</details>", ""]
