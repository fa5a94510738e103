"""`harness tabulate` as a user types it: files, scores, and what is said of a wrong word."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from small_studies import small, written

from harness.cli import main
from harness.tabular import Table

PLUGIN = '''"""The deepest MLP-free guess of all: blocks in the middle go first."""

from harness.criteria.base import UnitCriterion, criteria


@criteria.register("middle")
class Middle(UnitCriterion):
    """Distance from the middle."""

    needs_calibration = False

    def scores(self, scoring):
        centre = (len(scoring.units) - 1) / 2
        return {unit.name: abs(unit.depth - centre) for unit in scoring.units}
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of two seeds, whose tables one test makes and all share."""
    folder = tmp_path_factory.mktemp("tables")
    written(folder, small(seeds=[0, 1], counts=[1, 2], removals=["skip"]))
    (folder / "mine.py").write_text(PLUGIN)
    return folder


def typed(home: Path, *words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(home)
    monkeypatch.setattr("sys.argv", ["harness", "tabulate", "study.yaml", "--device", "cpu", *words])
    return main()


def test_each_model_has_a_file_with_every_set(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(home, "--to", "out", monkeypatch=monkeypatch) == 0
    assert sorted(path.name for path in (home / "out").iterdir()) == ["tiny-s0.npz", "tiny-s1.npz"]
    first = Table.load(home / "out" / "tiny-s0.npz")
    assert len(first.masks) == 8
    assert first.header["model_seed"] == 0
    said = capsys.readouterr().out
    assert "tiny-s0.npz: made: 8 sets of at most 3 of 3 units" in said


def test_without_a_word_tables_lie_with_the_study_and_are_not_made_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert typed(home, monkeypatch=monkeypatch) == 0
    assert (home / "results" / "small" / "tables" / "tiny-s1.npz").is_file()
    assert ": kept: 8 sets" in capsys.readouterr().out.splitlines()[-1]


def test_a_criterion_is_scored_for_every_count(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(home, "--score", "last", monkeypatch=monkeypatch) == 0
    table = Table.load(home / "results" / "small" / "tables" / "tiny-s1.npz")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    scored = [line for line in lines if line and line[0] in ("1", "2")][2:]  # of the second model
    for count, line in enumerate(scored, 1):
        removed = table.units[-count:]
        assert float(line[1]) == pytest.approx(table.accuracy(removed), abs=5e-5)
        assert float(line[2]) == pytest.approx(table.mean(count), abs=5e-5)
        assert set(" ".join(line[7:]).split(", ")) == set(removed)
        others = [table.accuracy(chosen) for chosen in combinations(table.units, count)]
        better = sum(value <= table.accuracy(removed) for value in others) / len(others)
        assert float(line[6]) == pytest.approx(better, abs=5e-4)


def test_a_plug_in_file_is_scored(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(home, "--score", "mine.py", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "middle, search one_shot" in said
    assert any(line.endswith("  blocks.1.attn") for line in said.splitlines())


def test_a_plug_in_file_that_the_study_names_too_is_scored(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "other.py").write_text(PLUGIN.replace("middle", "other"))
    words = ["--set", "plugins=[./other.py]", "--set", "criteria=[other]", "--score", "other.py"]
    assert typed(home, *words, monkeypatch=monkeypatch) == 0
    assert "other, search one_shot" in capsys.readouterr().out


def test_the_criterion_of_the_page_about_tables_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tabular.md").read_text(encoding="utf-8")
    (home / "output_norm.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    assert typed(home, "--score", "output_norm.py", monkeypatch=monkeypatch) == 0
    assert "output_norm, search one_shot" in capsys.readouterr().out


def test_a_random_criterion_is_the_mean_of_its_draws(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(home, "--score", "random", monkeypatch=monkeypatch) == 0
    assert "random, search one_shot, mean of 5 draws" in capsys.readouterr().out


def test_only_smaller_sets_are_made_where_that_is_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(home, "--up-to", "1", "--score", "last", "--to", "few", monkeypatch=monkeypatch) == 0
    assert len(Table.load(home / "few" / "tiny-s0.npz").masks) == 4
    assert not [line for line in capsys.readouterr().out.splitlines() if line.split()[0] == "2"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--score", "entrpy"], "did you mean 'entropy'"),
        (["--score", "last", "--search", "greedy"], "cannot be searched by 'greedy'"),
        (["--score", "absent.py"], "absent.py"),
    ],
)
def test_a_wrong_word_is_told_before_anything_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert typed(home, *words, monkeypatch=monkeypatch) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""
