"""The report of a study as files: one page, its Markdown twin, the trials as CSV, tables and figures."""

from __future__ import annotations

from pathlib import Path

from harness.bulk import in_bulk
from harness.errors import StoreError
from harness.plots.files import write_data, write_figures
from harness.report import appendix
from harness.report.aside import aside
from harness.report.badge import badge
from harness.report.caveats import caveats
from harness.report.comparisons import others, primary
from harness.report.explorer import series
from harness.report.figures import figures
from harness.report.heeded import heeded_table
from harness.report.library import study_tables, tables_of_recommendations, tables_of_sublayers
from harness.report.pages import Content, html_page, markdown_page
from harness.report.recommending import remarks
from harness.report.reproducing import code_table, commands, resolved_study
from harness.report.sureness import sureness
from harness.report.trials import trials
from harness.report.view import View, view
from harness.report.words import answer
from harness.store import Store
from harness.tables import documents, exams
from harness.tables.absences import absence_table
from harness.tables.checkpoints import FILE, rows_of
from harness.tables.files import write_tables
from harness.tables.frame import write_csv
from harness.tables.latencies import latency_table, timed_first
from harness.tables.parquet import write_parquet
from harness.tables.table import Table

SHOWN, PRINTED = ("svg",), ("pdf", "png")


def write_report(store: Store, study: str, to: Path) -> Path:
    """Makes `<to>/<study>/` from records alone and returns its index.html; the same records give the same bytes."""
    seen = view(store, study)
    with in_bulk():  # what a first reading of many records leaves behind was cleared away before
        return _written(seen, store, to / study)


def _written(seen: View, store: Store, folder: Path) -> Path:
    try:
        for part in (folder, folder / "tables", folder / "figures"):
            part.mkdir(parents=True, exist_ok=True)
        with aside(lambda: _write_data(seen, folder), len(seen.rows)):
            content = content_of(seen, resolved_study(store, folder.name))
        figures_to = folder / "figures"
        with aside(lambda: write_figures(content.drawings, figures_to, PRINTED), len(seen.rows)):
            write_figures(content.drawings, figures_to, SHOWN)  # the page shows them too, and they are drawn once
            write_data(content.drawings, figures_to)
            if seen.checkpoint_tests:
                write_csv(rows_of(seen.checkpoint_tests), folder / FILE)
            if seen.document_tests:
                write_csv(documents.rows_of(seen.document_tests), folder / FILE)
            if seen.exam_tests:
                write_csv(exams.exam_rows(seen.exam_tests), folder / exams.FILE)
            write_tables((*content.recommended, *content.tables, *content.sublayers), folder / "tables")
            _write(folder / "report.md", markdown_page(content))
            return _write(folder / "index.html", html_page(content))
    except OSError as error:
        where = f"{folder.parent.name}/{folder.name}"
        raise StoreError(f"{where}: the report cannot be written: {error.strerror}") from error


def _write_data(seen: View, folder: Path) -> None:
    write_csv(seen.table, folder / "trials.csv")
    write_parquet(seen.table, seen.columns, folder)


def content_of(seen: View, resolved: str | None) -> Content:
    """What both pages show of a study; `resolved` is its study file with every default filled in."""
    contrast, rest = primary(seen), others(seen)
    return Content(
        study=seen.index.study,
        question=seen.index.question or seen.index.study,
        answer=answer(seen, contrast, rest),
        sureness=sureness(seen),
        caveats=caveats(seen),
        recommended=tables_of_recommendations(seen),
        remarks=remarks(seen),
        badge=badge(seen),
        drawings=figures(seen),
        series=series(seen.criteria, seen.index.random_criteria),
        tables=study_tables(seen, contrast, rest),
        sublayers=tables_of_sublayers(seen),
        failed=appendix.failure_table(seen),
        retry=appendix.retry_command(seen),
        absent=absence_table(seen.rows),
        rules=heeded_table(seen),
        data=appendix.data_table(seen),
        code=code_table(seen),
        environments=appendix.environment_tables(seen),
        commands=commands(seen),
        resolved=resolved,
        period=appendix.period(seen),
        counts=_counts(seen),
        latencies=_latencies(seen),
        trials=trials(seen),
        columns=appendix.column_table(seen),
    )


def _latencies(seen: View) -> Table | None:
    trials, total = timed_first(seen.rows)
    return latency_table(seen.shelf.of(trials), total)


def _counts(seen: View) -> str:
    parts = (
        (len(seen.good), "measured"),
        (len(seen.bad), "failed or skipped"),
        (len(seen.missing), "without a record"),
        (seen.left_out, "of other versions of the study file left out"),
    )
    return ", ".join(f"{count} {word}" for count, word in parts if count or word == "measured")


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
