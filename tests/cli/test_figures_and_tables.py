"""`harness plot` and `harness table`: what they write, and what they answer to what is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from builders import Plan, elsewhere, stored

from harness.cli import main
from harness.store import Store

PLAN = Plan(study="small", seeds=(0, 1), criteria=("entropy", "last"), counts=(2, 4))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    stored(PLAN, Store(folder / "results"))
    return folder


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.chdir(home)


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["harness", *words.split()])
    code = main()
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_a_figure_of_ones_own_is_written_with_its_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, ending: str
) -> None:
    to = tmp_path / f"new/figure.{ending}"
    code, out, err = called(monkeypatch, capsys, f"plot small --x count --y top1 --by criterion --to {to}")
    assert (code, err) == (0, "")
    assert "Top-1 against sublayers removed, by criterion" in out
    assert to.stat().st_size > 1000
    with to.with_suffix(".csv").open() as file:
        assert {row["criterion"] for row in csv.DictReader(file)} == {"entropy", "last"}


def test_without_a_word_it_goes_beside_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert called(monkeypatch, capsys, "plot small --x count --y top1 --where criterion=last")[0] == 0
    assert (home / "reports/small/plots/top1-count.svg").is_file()


def test_a_figure_of_the_report_comes_as_wide_as_a_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = f"plot small --figure depth-vit-digits-attention --size page --to {tmp_path}/depth.svg"
    assert called(monkeypatch, capsys, words)[0] == 0
    assert 'width="504pt"' in (tmp_path / "depth.svg").read_text()


def test_with_no_axes_it_lists_what_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = called(monkeypatch, capsys, "plot small")
    assert code == 0
    assert "depth-vit-digits-attention" in out
    assert "latency_s [s]: measured latency s" in out


def test_what_every_caption_must_say_is_said_of_ones_own_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    stored(elsewhere(PLAN, study="toy", seeds=(0,), is_synthetic=True), Store(home / "results"))
    _, out, _ = called(monkeypatch, capsys, "plot toy --x count --y top1 --by criterion")
    assert "Synthetic data." in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("plot small --x cuont --y top1", "--x: unknown column 'cuont'; did you mean 'count'"),
        ("plot small --x count", "needs both"),
        ("plot small --figure depht", "--figure: unknown figure 'depht'"),
        ("plot small --figure depth-vit-digits-attention --x count --y top1", "has its own axes"),
        ("plot small --x count --y top1 --to a.jpg", "must end with one of .svg, .pdf, .png"),
        ("plot small --x count --y top1 --where count", "is not COLUMN=VALUE"),
        ("table small --as bencer", "--as: unknown format 'bencer'; did you mean 'bencher'"),
        ("table small --as parquet", "--to: parquet is no text"),
        ("table small --table accuray", "--table: unknown table 'accuray'"),
        ("table small --as timm --table prices", "single tables are latex, markdown or csv"),
    ],
)
def test_what_is_wrong_is_exit_2_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    code, _, err = called(monkeypatch, capsys, words)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", ["plot absent", "table absent", "plot small --x budget --y top1"])
def test_nothing_to_show_is_exit_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    assert called(monkeypatch, capsys, words)[0] == 3


def test_recommendations_are_a_table_as_any_other(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("sys.argv", ["harness", "table", "small", "--as", "markdown", "--table", "recommendations"])
    assert main() == 0
    assert capfdbinary.readouterr().out.startswith(b"### Recommendations\n\n| limit")


def test_tables_are_printed_or_written(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    for words in ("table small --table comparisons --as latex", f"table small --as bencher --to {tmp_path}/b.json"):
        monkeypatch.setattr("sys.argv", ["harness", *words.split()])
        assert main() == 0
    assert b"\\label{tab:comparisons}" in capfdbinary.readouterr().out
    assert json.loads((tmp_path / "b.json").read_text())
