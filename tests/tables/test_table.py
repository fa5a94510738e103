"""Tables as text: nothing of a study's words is markup."""

from __future__ import annotations

import pytest

from harness.tables.table import Table, escape_latex, escape_markdown, latex, markdown

TABLE = Table("t", "A_title", ("criterion", "a|b"), (("<script>", "1.0 ± 0.1"), ("x_y", "−2 %")), ("A note.",))


def test_markdown_has_a_cell_per_column_whatever_the_text() -> None:
    lines = markdown(TABLE).splitlines()
    assert lines[0] == "| criterion      |      a\\|b |"
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines[:4])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>", "&lt;b&gt;"),
        ("a|b", "a\\|b"),
        ("a\nb", "a b"),
        ("`x`", "\\`x\\`"),
        ("[a](b)", "\\[a\\](b)"),
        ("&", "&amp;"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, shown: str) -> None:
    assert escape_markdown(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("50 % & x_1", r"50 \% \& x\_1"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("1 ± 2", r"1 $\pm$ 2"),
        ("−1", "$-$1"),
    ],
)
def test_latex_shows_text_as_it_is(text: str, shown: str) -> None:
    assert escape_latex(text) == shown


def test_latex_uses_booktabs_and_one_column_per_header() -> None:
    text = latex(TABLE)
    assert [rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [True] * 3
    assert r"\begin{tabular}{lr}" in text
    assert r"\caption{A\_title. A note.}" in text
