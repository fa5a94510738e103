"""A table for readers: title, header and cells as text, written as Markdown or as LaTeX with booktabs."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "×": r"$\times$",
    "µ": r"\textmu{}",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "≥": r"$\geq$",
    "§": r"\S{}",
}
MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*[]|_#~"})
# Ends of lines, and what steers a terminal or turns the direction of the text that follows it.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


@dataclass(frozen=True)
class Table:
    """`name` is its file's; the first column holds words, the others numbers if it is numeric; notes stand below."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    is_numeric: bool = True


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, HTML included."""
    return html.escape(UNSEEN.sub(" ", text), quote=False).translate(MARKDOWN)


def escape_latex(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return "".join(LATEX.get(character, character) for character in UNSEEN.sub(" ", text))


def markdown(table: Table) -> str:
    """The table in Markdown, columns aligned in the source as well."""
    rows = [tuple(map(escape_markdown, row)) for row in (table.header, *table.rows)]
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(table.header))]
    first = 1 if table.is_numeric else len(widths)
    rule = "| " + " | ".join("-" * w if i < first else "-" * (w - 1) + ":" for i, w in enumerate(widths)) + " |"
    lines = [_line(row, widths, first) for row in rows]
    notes = ["", *(escape_markdown(note) for note in table.notes)] if table.notes else []
    return "\n".join([lines[0], rule, *lines[1:], *notes]) + "\n"


def latex(table: Table) -> str:
    """A floating table with booktabs rules; the title is its caption, the notes follow in small print."""
    body = [_latex_row(row) for row in table.rows]
    caption = escape_latex(" ".join((table.title + ".", *table.notes)))
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{caption}}}",
        f"  \\label{{tab:{table.name}}}",
        f"  \\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}",
        r"    \toprule",
        _latex_row(table.header),
        r"    \midrule",
        *body,
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int], first: int) -> str:
    padded = (c.ljust(w) if i < first else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True)))
    return "| " + " | ".join(padded) + " |"


def _latex_row(cells: Sequence[str]) -> str:
    return "    " + " & ".join(map(escape_latex, cells)) + r" \\"
