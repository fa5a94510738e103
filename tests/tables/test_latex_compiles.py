"""The LaTeX of tables in a real TeX, where there is one: no error, and no line that is too wide."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.tables.table import Table, latex

HOSTILE = r"50 % & x_1 # $ ~ ^ \input{x} <b> | − × µ † ‡ ≥ ≤ § → … λ ±"
WIDE = Table("wide", "A wide one", tuple(f"column {i}" for i in range(9)), (("1.0 ± 0.1 [0.9, 1.1]",) * 9,), (HOSTILE,))
LONG = Table("long", "A long one", ("a", HOSTILE), tuple((f"row {i}", "1") for i in range(60)))
WORDS = Table("words", "Words", ("what", "why"), (("a", "a reason of many words " * 6),), is_numeric=False)
BOLD = Table("bold", "Bold", ("a", "b"), (("x", "1.0 ± 0.1"),), bold=frozenset({(0, 1)}))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX here")
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_every_kind_of_table_compiles(tmp_path: Path, columns: str) -> None:
    body = "\n".join(map(latex, (WIDE, LONG, WORDS, BOLD)))
    head = rf"\documentclass[{columns}]{{article}}\usepackage{{booktabs, graphicx}}\begin{{document}}"
    (tmp_path / "a.tex").write_text(f"{head}\n{body}\n\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    tabular = [line for line in done.stdout.splitlines() if line.startswith("Overfull \\hbox")]
    assert not tabular, tabular
    assert b"/Type3" not in (tmp_path / "a.pdf").read_bytes()
