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
    "µ": r"$\mu$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "≥": r"$\geq$",
    "§": r"$\S$",
    "≤": r"$\leq$",
    "→": r"$\to$",
    "…": r"\dots{}",
    "λ": r"$\lambda$",
    "τ": r"$\tau$",
    "’": "'",
}
MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*[]|_#~"})
COLUMN, SMALL = 50, 63  # characters that fit into a column of a paper: as large as its text, and in small print
LONG, PARAGRAPH = 40, 30  # characters of a cell that is set as a paragraph, and of the width that it then takes
MOST_ROWS = 45  # of a page; a float cannot be broken
BETWEEN = 2.4  # characters that the space between two columns is worth
# Ends of lines, and what steers a terminal or turns the direction of the text that follows it.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


@dataclass(frozen=True)
class Table:
    """`name` is its file's; the first column holds words, the others numbers if it is numeric; notes stand below.

    `bold` are places of cells, (row, column) from 0, that a test sets apart.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    is_numeric: bool = True
    bold: frozenset[tuple[int, int]] = frozenset()


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, HTML included."""
    return html.escape(UNSEEN.sub(" ", text), quote=False).translate(MARKDOWN)


def escape_latex(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return "".join(LATEX.get(character, character) for character in UNSEEN.sub(" ", text))


def markdown(table: Table) -> str:
    """The table in Markdown, columns aligned in the source as well."""
    body = _marked(table, [[escape_markdown(cell) for cell in row] for row in table.rows], "**{}**")
    rows = [tuple(map(escape_markdown, table.header)), *body]
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(table.header))]
    first = 1 if table.is_numeric else len(widths)
    rule = "| " + " | ".join("-" * w if i < first else "-" * (w - 1) + ":" for i, w in enumerate(widths)) + " |"
    lines = [_line(row, widths, first) for row in rows]
    notes = ["", *(escape_markdown(note) for note in table.notes)] if table.notes else []
    return "\n".join([lines[0], rule, *lines[1:], *notes]) + "\n"


def latex(table: Table) -> str:
    """A floating table with booktabs rules; the title is its caption, which the notes follow.

    One that is wider than a column of a paper is in small print, and is shrunk where it still is too wide; much wider
    ones go across the page. One that is longer than a page is broken into several.
    """
    body = _marked(table, [[escape_latex(cell) for cell in row] for row in table.rows], "\\textbf{{{}}}")
    packages = "booktabs, graphicx" if _width(table) > COLUMN else "booktabs"
    parts = [body[i : i + MOST_ROWS] for i in range(0, len(body), MOST_ROWS)] or [[]]
    floats = [_float(table, part, place) for place, part in enumerate(parts)]
    return "\n".join([f"% needs \\usepackage{{{packages}}}", *(line for lines in floats for line in lines)]) + "\n"


def _float(table: Table, body: Sequence[Sequence[str]], place: int) -> list[str]:
    """One part of a table; only the first has its notes."""
    notes = table.notes if place == 0 else ("Continued.",)
    caption = escape_latex(" ".join((table.title + ".", *notes)))
    kind, label = ("table*" if _width(table) > SMALL else "table"), table.name + (f"-{place + 1}" if place else "")
    is_small = _width(table) > COLUMN
    small = [r"  \footnotesize"] if is_small else []
    shrunk = [r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"] if is_small else []
    return [
        f"\\begin{{{kind}}}",
        r"  \centering",
        *small,
        f"  \\caption{{{caption}}}",
        f"  \\label{{tab:{label}}}",
        r"  \smallskip",
        *shrunk,
        f"  \\begin{{tabular}}{{{_alignment(table)}}}",
        r"    \toprule",
        _latex_row([escape_latex(cell) for cell in table.header]),
        r"    \midrule",
        *map(_latex_row, body),
        r"    \bottomrule",
        r"  \end{tabular}" + ("}" if is_small else ""),
        f"\\end{{{kind}}}",
    ]


def _lengths(table: Table) -> list[int]:
    """Of the longest cell of each column."""
    return [max(len(row[i]) for row in (table.header, *table.rows)) for i in range(len(table.header))]


def _width(table: Table) -> float:
    """In characters, as it is set."""
    shown = (PARAGRAPH if length > LONG else length for length in _lengths(table))
    return sum(shown) + BETWEEN * len(table.header)


def _alignment(table: Table) -> str:
    """Words to the left, numbers to the right, and long cells in lines."""
    plain = ["l", *("r" if table.is_numeric else "l" for _ in table.header[1:])]
    return "".join("p{5cm}" if n > LONG else one for one, n in zip(plain, _lengths(table), strict=True))


def _marked(table: Table, rows: Sequence[Sequence[str]], bold: str) -> list[tuple[str, ...]]:
    """Rows of escaped text with the bold cells set apart."""
    return [
        tuple(bold.format(cell) if (i, j) in table.bold else cell for j, cell in enumerate(row))
        for i, row in enumerate(rows)
    ]


def _line(cells: Sequence[str], widths: Sequence[int], first: int) -> str:
    padded = (c.ljust(w) if i < first else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True)))
    return "| " + " | ".join(padded) + " |"


def _latex_row(cells: Sequence[str]) -> str:
    return "    " + " & ".join(cells) + r" \\"
