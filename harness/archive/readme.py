"""The README of an archive: what it holds, how it was made, how to check and to read it."""

from __future__ import annotations

from collections.abc import Iterable

from harness.archive.terms import CFF, Terms
from harness.record_lines import FILE
from harness.records import Record
from harness.report.view import View
from harness.tables.table import escape_markdown
from harness.wording import counted

FILES = {
    FILE: "the plan of the study on the first line, then every run, one JSON object a line",
    "trials.csv": "one row for each trial and kind of machine, in base units",
    "dictionary/columns.csv": "unit, better direction and meaning of every column of trials.csv",
    "dictionary/record_fields.csv": "type and meaning of every field of a record",
    "dictionary/record.schema.json": "JSON Schemas of the plan and of a record",
    CFF: "how to cite this",
    "SHA256SUMS": "checksums of all other files",
}
REPORT = {"report/index.html": "the report as one page that opens offline; beside it tables and figures"}
CHECK = """    sha256sum -c SHA256SUMS
    python -m harness verify .              # ids, digests, proofs, and whether the numbers bear each other out
    python -m harness verify . --recompute  # also MACs and parameters, made anew"""


def readme(seen: View, records: Iterable[Record], terms: Terms, has_report: bool) -> str:
    """The text, in Markdown."""
    held = list(records)
    files = FILES | (REPORT if has_report else {})
    license_ = terms.license or "none is stated: ask the authors before you use it"
    parts = [
        f"# {_plain(terms.title)}",
        f"{_plain(seen.index.question or seen.index.study)}",
        f"Version {_plain(terms.version)}, by {_plain('; '.join(terms.authors))}. Licence: {_plain(license_)}.",
        "## What it holds",
        "\n".join(f"- `{name}`: {text}" for name, text in files.items()),
        "## In numbers",
        "\n".join(f"- {line}" for line in _facts(seen, held)),
        "## How to check it",
        CHECK,
        "## How it was made",
        f"    {_printable(seen.index.command)}",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(seen: View, records: list[Record]) -> Iterable[str]:
    made = [record.environment for record in records if record.environment is not None]
    yield f"{counted(len(records), 'run')} of {counted(len({r.trial.id for r in records}), 'trial')}"
    yield f"{len(seen.missing)} planned trials have no record, {len(seen.bad)} failed or were skipped"
    yield f"kinds of machine: {_listed(one.machine_class for one in made)}"
    yield f"torch {_listed(one.versions.get('torch', 'unknown') for one in made)}"
    yield f"harness {_listed(str(one.harness.get('version')) for one in made)}, at commit " + _listed(
        str(one.harness.get("commit") or "unknown") for one in made
    )
    if seen.index.is_synthetic:
        yield "the data are synthetic"


def _listed(values: Iterable[str]) -> str:
    return _plain(", ".join(sorted(set(values))) or "unknown")


def _plain(text: str) -> str:
    return escape_markdown(text)


def _printable(text: str) -> str:
    """A command as code, on one line."""
    return "".join(character if character.isprintable() else " " for character in text)
