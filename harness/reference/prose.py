"""Markdown of the reference pages: tables, anchors, and the line that says how a page was made."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

MADE = "<!-- made by `python -m harness.reference`; a test compares it with the code -->"


def page(title: str, *parts: str) -> str:
    """A page with its head; parts are paragraphs, tables and sections, in order."""
    return "\n\n".join([f"# {title}", MADE, *(part.strip("\n") for part in parts if part)]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown on one line."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines)


def anchor(heading: str) -> str:
    """The anchor that code hosts and the site give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def told(documented: object) -> str:
    """A docstring as Markdown; what would be markup in it and is none is escaped."""
    text = inspect.getdoc(documented) or ""
    return text.replace("*", r"\*").replace("<", "&lt;")


def sentence(text: str) -> str:
    """A description as a cell of a table."""
    return " ".join(text.split()).replace("<", "&lt;")
