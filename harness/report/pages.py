"""The two pages of a report: what both show, and how it becomes HTML and Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from harness.plots.drawing import Drawing
from harness.rendering import Filter, rendered
from harness.report.badge import Badge
from harness.report.explorer import FIGURE_IDS, Series, explorer, has_bokeh
from harness.report.inline import bound, inline_svg
from harness.report.scripts import Script, own_script, policy
from harness.report.trials import Trials
from harness.tables.table import Table, escape_markdown, markdown

FIRST_CAVEATS = 3  # that stand right below the answer
FILTERS: dict[str, Filter] = {"md": escape_markdown, "markdown": markdown, "svg": inline_svg, "bound": bound}


@dataclass(frozen=True)
class Content:
    """Everything that both pages show, from top to bottom."""

    study: str
    question: str
    badge: Badge | None
    answer: tuple[str, ...]
    sureness: tuple[str, ...]
    caveats: tuple[str, ...]
    recommended: tuple[Table, ...]
    remarks: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    series: tuple[Series, ...]
    tables: tuple[Table, ...]
    sublayers: tuple[Table, ...]
    failed: Table | None
    retry: str
    absent: Table | None
    rules: Table | None
    data: Table | None
    code: Table | None
    environments: tuple[Table, ...]
    commands: str
    resolved: str | None
    period: str | None
    counts: str
    latencies: Table | None
    trials: Trials | None
    columns: Table


def markdown_page(content: Content) -> str:
    """`report.md`: everything but what needs a browser."""
    return rendered("report.md.j2", filters=FILTERS, c=content)


def html_page(content: Content) -> str:
    """`index.html`: one file with its styles, scripts and figures in it."""
    found = None if content.trials is None else explorer(content.trials, content.series)
    names = (*(("explorer.js",) if found else ()), *(("trials.js",) if content.trials else ()))
    scripts = [*([Script(found.script)] if found else []), *map(own_script, names)]
    return rendered(
        "index.html.j2",
        filters=FILTERS,
        c=content,
        explorer=found,
        lacks_explorer=not has_bokeh(),
        figure_ids=FIGURE_IDS,
        scripts=scripts,
        policy=policy(scripts),
        first_caveats=FIRST_CAVEATS,
    )
