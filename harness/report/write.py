"""The report of a study as files: one page, its Markdown twin, the trials as CSV, tables and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from harness.errors import StoreError
from harness.plots.drawing import Drawing
from harness.plots.files import write_figures
from harness.report import appendix
from harness.report.badge import Badge, badge
from harness.report.caveats import caveats
from harness.report.comparisons import others, primary
from harness.report.figures import figures
from harness.report.inline import bound, inline_svg
from harness.report.library import every_table
from harness.report.sureness import sureness
from harness.report.view import View, view
from harness.report.words import answer
from harness.store import Store
from harness.tables.absences import absence_table
from harness.tables.checkpoints import FILE, rows_of
from harness.tables.files import write_tables
from harness.tables.frame import write_csv
from harness.tables.latencies import latency_table
from harness.tables.parquet import write_parquet
from harness.tables.table import Table, escape_markdown, markdown

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Content:
    """Everything that both pages show, from top to bottom."""

    study: str
    question: str
    badge: Badge | None
    answer: tuple[str, ...]
    sureness: tuple[str, ...]
    caveats: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    tables: tuple[Table, ...]
    failed: Table | None
    retry: str
    absent: Table | None
    data: Table | None
    environments: tuple[Table, ...]
    command: str
    period: str | None
    counts: str
    latencies: Table | None
    trials: Table | None
    columns: Table


def write_report(store: Store, study: str, to: Path) -> Path:
    """Makes `<to>/<study>/` from records alone and returns its index.html; the same records give the same bytes."""
    seen = view(store, study)
    content = _content(seen)
    folder = to / study
    try:
        for part in (folder, folder / "tables", folder / "figures"):
            part.mkdir(parents=True, exist_ok=True)
        write_csv(seen.table, folder / "trials.csv")
        write_parquet(seen.table, seen.columns, folder)
        if seen.checkpoint_tests:
            write_csv(rows_of(seen.checkpoint_tests), folder / FILE)
        write_tables(content.tables, folder / "tables")
        write_figures(content.drawings, folder / "figures")
        _write(folder / "report.md", _render("report.md.j2", content))
        return _write(folder / "index.html", _render("index.html.j2", content))
    except OSError as error:
        raise StoreError(f"{to.name}/{study}: the report cannot be written: {error.strerror}") from error


def _content(seen: View) -> Content:
    contrast, rest = primary(seen), others(seen)
    tables = every_table(seen, contrast, rest)
    return Content(
        study=seen.index.study,
        question=seen.index.question or seen.index.study,
        answer=answer(seen, contrast, rest),
        sureness=sureness(seen),
        caveats=caveats(seen),
        badge=badge(seen),
        drawings=figures(seen),
        tables=tables,
        failed=appendix.failure_table(seen),
        retry=appendix.retry_command(seen),
        absent=absence_table(seen.results),
        data=appendix.data_table(seen),
        environments=appendix.environment_tables(seen),
        command=seen.index.command,
        period=appendix.period(seen),
        counts=_counts(seen),
        latencies=latency_table(seen.results),
        trials=appendix.trial_table(seen),
        columns=appendix.column_table(seen),
    )


def _counts(seen: View) -> str:
    parts = (
        (len(seen.good), "measured"),
        (len(seen.bad), "failed or skipped"),
        (len(seen.missing), "without a record"),
    )
    return ", ".join(f"{count} {word}" for count, word in parts if count or word == "measured")


def _render(template: str, content: Content) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html", "html.j2"), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[..., str | Markup]] = {
        "md": escape_markdown,
        "markdown": markdown,
        "svg": inline_svg,
        "bound": bound,
    }
    environment.filters.update(filters)
    return environment.get_template(template).render(c=content)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
