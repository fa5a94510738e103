"""The history of a study as one HTML file that opens offline: trends, every step, every state of the code."""

from __future__ import annotations

from pathlib import Path

from harness.history.figures import drawings, trends
from harness.history.words import History, heading, sentence, summary, transitions
from harness.rendering import rendered
from harness.report.inline import bound, inline_svg
from harness.tables.table import Table

TEMPLATES = Path(__file__).with_name("templates")
MOST_STEPS = 500  # of one transition that are listed; JSON has all


def page(history: History) -> str:
    """The page; the same records and commits give the same text."""
    held = trends(history.accumulated.series, history.steps)
    figures = tuple(drawings(held, history.accumulated.states))
    return rendered(
        "history.html.j2",
        TEMPLATES,
        {"svg": inline_svg, "bound": bound},
        study=history.study,
        summary=summary(history),
        figures=figures,
        left=len(held) - len(figures),
        steps=_step_tables(history),
        states=_states(history),
    )


def _step_tables(history: History) -> tuple[Table, ...]:
    """A table for each transition between two states of the code."""
    found = []
    for number, steps in enumerate(transitions(history)):
        rows = tuple((step.turn, step.series.name.trial, sentence(step)) for step in steps[:MOST_STEPS])
        more = len(steps) - len(rows)
        notes = (f"{more} more steps here; `harness history --json` has all.",) if more else ()
        title = heading(steps)
        found.append(Table(f"steps-{number}", title, ("turn", "trial", "what"), rows, notes, is_numeric=False))
    return tuple(found)


def _states(history: History) -> Table:
    """Every state of the code, in the order of the figures."""
    rows = tuple(
        (code.label, code.commit or "", "yes" if code.is_dirty else "no", code.version, code.software_class)
        for code in history.accumulated.states
    )
    header = ("state", "commit", "files changed since", "harness", "software class")
    return Table("states", "States of the code", header, rows, is_numeric=False)
