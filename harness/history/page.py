"""The history of a study as one HTML file that opens offline: trends, every step, every state of the code."""

from __future__ import annotations

from pathlib import Path

from harness.errors import StoreError
from harness.history.figures import drawings, trends
from harness.history.words import History, heading, sentence, summary, transitions
from harness.plots.drawing import Drawing
from harness.record_file import in_words
from harness.rendering import rendered
from harness.report.inline import bound, inline_svg
from harness.tables.table import Table
from harness.whole_file import write_whole

TEMPLATES = Path(__file__).with_name("templates")
MOST_STEPS = 500  # of one transition that are listed; JSON has all


def write_page(history: History, path: Path) -> Path:
    """Writes the page; the same records and commits give the same bytes."""
    held = trends(history.accumulated.series, history.steps)
    figures = tuple(drawings(held, history.accumulated.states))
    text = _render(history, figures, left=len(held) - len(figures))
    try:
        write_whole(path, text)
    except OSError as error:
        raise StoreError(f"{path.name}: {in_words(error, 'written')}") from None
    return path


def _render(history: History, figures: tuple[Drawing, ...], left: int) -> str:
    return rendered(
        "history.html.j2",
        TEMPLATES,
        {"svg": inline_svg, "bound": bound},
        study=history.study,
        summary=summary(history),
        figures=figures,
        left=left,
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
