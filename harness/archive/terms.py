"""What only people know of a results set: its title, authors, version and licence; as CITATION.cff."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from harness.errors import Problem, SpecError

CFF = "CITATION.cff"
MESSAGE = "If you use these results, please cite them as below."
LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
LONGEST = 300  # characters of any of them


@dataclass(frozen=True)
class Terms:
    """`authors` are `Family, Given` or one name as a whole; `license` is an SPDX identifier, if there is one."""

    title: str
    authors: tuple[str, ...]
    version: str
    license: str | None = None


def titled(terms: Terms, study: str, question: str | None) -> Terms:
    """With a title: its own, else what the study asks."""
    told = f"Results of the study {study}" + (f": {question}" if question else "")
    return terms if terms.title else replace(terms, title=" ".join(told.split())[:LONGEST])


def check(terms: Terms) -> None:
    """Raises SpecError with everything that a citation cannot have."""
    problems = []
    if not terms.authors:
        problems.append(Problem("--author", "is required, at least once: `Family, Given`, or the name of a group"))
    for name, values in (("--title", [terms.title]), ("--author", terms.authors), ("--version", [terms.version])):
        for value in values:
            if not value.strip() or len(value) > LONGEST or not value.isprintable():
                problems.append(Problem(name, f"must be one line of 1 to {LONGEST} characters"))
    if terms.license is not None and not LICENSE.fullmatch(terms.license):
        message = f"{terms.license!r} is no SPDX identifier, such as CC-BY-4.0; see spdx.org/licenses"
        problems.append(Problem("--license", message))
    if problems:
        raise SpecError(problems)


def citation(terms: Terms, released: str, abstract: str, keywords: tuple[str, ...]) -> str:
    """The text of CITATION.cff, version 1.2.0; `released` is a date, YYYY-MM-DD."""
    lines = [
        "cff-version: 1.2.0",
        f"message: {_quoted(MESSAGE)}",
        "type: dataset",
        f"title: {_quoted(terms.title)}",
        "authors:",
        *(line for author in terms.authors for line in _author(author)),
        f"version: {_quoted(terms.version)}",
        f"date-released: {_quoted(released)}",
        *([f"license: {_quoted(terms.license)}"] if terms.license else []),
        f"abstract: {_quoted(abstract)}",
        "keywords:",
        *(f"  - {_quoted(word)}" for word in keywords),
    ]
    return "\n".join(lines) + "\n"


def _author(author: str) -> tuple[str, ...]:
    family, comma, given = author.partition(",")
    if not comma or not family.strip() or not given.strip():
        return (f"  - name: {_quoted(author.strip())}",)
    return f"  - family-names: {_quoted(family.strip())}", f"    given-names: {_quoted(given.strip())}"


def _quoted(text: str) -> str:
    """A double-quoted scalar, which JSON's strings are in YAML."""
    return json.dumps(text, ensure_ascii=False)
