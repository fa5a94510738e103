"""Writes the archive of a study: records, tables, report, dictionary, citation, checksums; same records, same bytes."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.archive.dictionary import columns_csv, fields_csv, schema_json
from harness.archive.readme import readme
from harness.archive.terms import CFF, Terms, check, citation, titled
from harness.errors import StoreError
from harness.record_file import in_words
from harness.record_lines import FILE, SUMS, write_lines
from harness.records import Record, StudyIndex
from harness.report.view import View, index_from, view_of
from harness.schema import file_digest
from harness.store import Reading, Store
from harness.tables.frame import write_csv

REPORT = "report"  # the folder of the report's files within an archive
KEYWORDS = ("neural network pruning", "layer removal", "ablation")


@dataclass(frozen=True)
class Archived:
    """What was written: how many records, which files; in sentences what was left out."""

    folder: Path
    records: int
    files: tuple[str, ...]
    left_out: tuple[str, ...]


def archive(store: Store, study: str, reports: Path, folder: Path, terms: Terms) -> Archived:
    """Fills a folder that is new or empty; without a title the study's question gives one.

    Raises StoreError where the folder cannot be filled, or there is no record to put there.
    """
    _check_place(folder, reports / study)
    reading = store.read(study)
    if not reading.records:
        raise StoreError(f"{study}: no record in {store.root.name}, so there is nothing to archive")
    seen, index = _viewed(store, study, reading)
    terms = titled(terms, study, seen.index.question)
    check(terms)
    draft = folder.absolute().parent / f".{folder.name}.{secrets.token_hex(4)}"
    try:
        draft.mkdir(parents=True)
        left_out = [f"{damaged.path}: {damaged.reason}" for damaged in reading.damaged]
        left_out += _copy_report(reports / study, draft / REPORT)
        _write(draft, seen, index, reading.records, terms)
        files = _sum(draft)
        draft.replace(folder)
    except OSError as error:
        raise StoreError(f"{folder.name}: {in_words(error, 'written')}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Archived(folder, len(reading.records), files, tuple(left_out))


def released(records: tuple[Record, ...]) -> str:
    """The day on which the newest run ended: the same records give the same date."""
    return max(record.run.finished for record in records)[:10]


def _check_place(folder: Path, report: Path) -> None:
    try:
        is_taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        is_inside = folder.resolve().is_relative_to(report.resolve())
    except OSError as error:
        raise StoreError(f"{folder.name}: {in_words(error, 'read')}") from None
    if is_taken:
        raise StoreError(f"{folder}: is there already, and not empty; an archive needs a folder of its own")
    if is_inside:
        raise StoreError(f"{folder}: lies in the report, which goes into the archive; name a folder elsewhere")


def _viewed(store: Store, study: str, reading: Reading) -> tuple[View, StudyIndex]:
    """The view of what was read, and the whole plan; without one, what the records tell of it."""
    try:
        index, has_plan = store.read_index(study), True
    except StoreError:
        index, has_plan = index_from(study, reading.records), False
    return view_of(index, reading, has_plan=has_plan), index


def _write(folder: Path, seen: View, index: StudyIndex, records: tuple[Record, ...], terms: Terms) -> None:
    question = seen.index.question or seen.index.study
    write_lines(folder / FILE, index, records)
    write_csv(seen.table, folder / "trials.csv")
    texts = {
        "dictionary/columns.csv": columns_csv(seen.columns, seen.results),
        "dictionary/record_fields.csv": fields_csv(),
        "dictionary/record.schema.json": schema_json(),
        CFF: citation(terms, released(records), question, KEYWORDS),
        "README.md": readme(seen, records, terms, has_report=(folder / REPORT).is_dir()),
    }
    (folder / "dictionary").mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _copy_report(source: Path, target: Path) -> Iterator[str]:
    """The plain files of the report, where one was written; a link is left out, for it leads to what nobody sent."""
    if not (source / "index.html").is_file():
        yield f"no report of it lies in {source.parent.name}; `harness report` writes one"
        return
    for base, folders, names in os.walk(source):
        folders.sort()
        links = [name for name in folders if (Path(base) / name).is_symlink()]
        for name in sorted([*links, *names]):
            path = Path(base) / name
            place = path.relative_to(source)
            if path.is_symlink() or not path.is_file():
                yield f"{REPORT}/{place.as_posix()}: is a link, or no plain file"
                continue
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / place)


def _sum(folder: Path) -> tuple[str, ...]:
    """Writes the list that `sha256sum -c` checks, and gives the names in it."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{file_digest(folder / name)}  {name}\n" for name in names]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return (*names, SUMS)
