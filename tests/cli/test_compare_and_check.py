"""`compare`, `snapshot` and `check` as they are called: words, files and exit codes that scripts rely on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from builders import failed, records_of, stored
from sided import PLAN, again, changed

from harness.cli import main
from harness.record_lines import FILE
from harness.records import Record
from harness.store import Store

STUDY = PLAN.study
BEFORE = again(records_of(PLAN), seed=0)
Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Called:
    """Calls harness in an empty folder: exit code, what it printed, what it complained of."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["harness", *words])
        code = main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def kept(called: Called) -> Called:
    """A study, and a snapshot `base` of it."""
    stored(PLAN, Store(Path("results")), BEFORE)
    assert called("snapshot", "save", "base", "--study", STUDY)[0] == 0
    return called


def _now(records: Iterable[Record]) -> None:
    store = Store(Path("results"))
    for record in records:
        store.write_record(record)


def test_a_check_passes_and_says_what_it_could_not_have_seen(kept: Called) -> None:
    _now(again(records_of(PLAN)))
    code, out, err = kept("check", STUDY, "--against", "base")
    assert (code, err) == (0, "")
    assert "No regression: could not have seen less than" in " ".join(out.split())
    assert "5 runs here left out: the snapshot holds them" in out


def test_a_slow_down_fails_and_every_output_says_so(kept: Called) -> None:
    _now(again(records_of(PLAN), slower=1.2))
    files = ("--junit", "out/check.xml", "--markdown", "out/check.md")
    code, out, _ = kept("check", STUDY, "--against", "base", *files)
    assert code == 1
    assert "worse: 4" in out
    assert "Regression: 4 findings" in out
    assert ElementTree.parse("out/check.xml").getroot().get("failures") == "4"
    assert Path("out/check.md").read_text().startswith("### Regression")
    code, out, _ = kept("check", STUDY, "--against", "base", "--json")
    told = json.loads(out)
    assert (code, told["exit_code"], told["verdict"]) == (1, 1, "regression")
    assert kept("check", STUDY, "--against", "base", "--effect", "0.5")[0] == 0


def test_a_trial_that_fails_now_is_a_regression(kept: Called) -> None:
    now = again(records_of(PLAN))
    _now(changed(now, now[1], failed))
    code, out, _ = kept("check", STUDY, "--against", "base")
    assert code == 1
    assert "ok -> failed" in out


def test_nothing_new_is_neither_a_pass_nor_a_regression(kept: Called) -> None:
    code, out, _ = kept("check", STUDY, "--against", "base")
    assert code == 3
    assert "Nothing was compared: run" in out


def test_a_missing_trial_counts_with_strict(kept: Called) -> None:
    _now(again(records_of(PLAN))[:-1])
    assert kept("check", STUDY, "--against", "base")[0] == 0
    code, out, _ = kept("check", STUDY, "--against", "base", "--strict")
    assert code == 1
    assert "1 of them missing" in out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["check", STUDY, "--against", "bas"], 2, "no snapshot 'bas' in results; did you mean 'base'?"),
        (["check", STUDY, "--against", "../base"], 2, "must hold only"),
        (["check", "absent", "--against", "base"], 3, "snapshot 'base' holds no study 'absent'"),
        (["check", STUDY], 2, "--against"),
        (["check", STUDY, "--against", "base", "--effect", "-1"], 2, "effect"),
        (["compare", STUDY], 2, "name at least two"),
        (["compare", STUDY, "absent"], 2, "no such study in results"),
        (["compare", STUDY, STUDY, "--to", "page.pdf"], 2, "must end in .html or .md"),
        (["compare", STUDY, "no.json"], 2, "nothing is there"),
        (["snapshot", "save", "base", "--study", STUDY], 2, "--force puts this in its place"),
        (["snapshot", "save", "Base", "--study", STUDY], 2, "must hold only"),
        (["snapshot", "save", "more", "--study", "absent"], 3, "no record in results; run the study first"),
        (["snapshot", "show", "absent"], 2, "no snapshot 'absent'"),
        (["snapshot", "drop", "absent"], 2, "no snapshot 'absent'"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_with_its_exit_code(
    kept: Called, words: list[str], code: int, sentence: str
) -> None:
    found, out, err = kept(*words)
    assert found == code
    assert sentence in " ".join((out + err).split())
    assert "Traceback" not in err


def test_snapshots_are_listed_shown_replaced_and_dropped(kept: Called) -> None:
    assert kept("snapshot", "list") == (0, f"base: {STUDY}\n", "")
    assert "5 trials, 5 runs" in kept("snapshot", "show", "base")[1]
    assert kept("snapshot", "save", "base", "--study", STUDY, "--force")[0] == 0
    assert kept("snapshot", "drop", "base") == (0, f"gone from base: {STUDY}\n", "")
    assert kept("snapshot", "list") == (0, "no snapshot in results\n", "")


def test_a_damaged_snapshot_is_a_sentence_of_the_check(kept: Called) -> None:
    Path("results", "snapshots", "base", STUDY, FILE).write_bytes(b"none")
    code, _, err = kept("check", STUDY, "--against", "base")
    assert code == 2
    assert "not a readable snapshot: no file of this kind" in err


def test_a_comparison_is_printed_and_written(kept: Called) -> None:
    _now(again(records_of(PLAN), slower=1.2))
    code, out, _ = kept("compare", "snapshot:base", STUDY, "snapshot:base", "--to", "page.html")
    assert code == 0
    assert "against it:" in out
    assert Path("page.html").read_text().startswith("<!doctype html>")
    code, out, _ = kept("compare", "snapshot:base", STUDY, "--json", "--to", "page.md")
    assert len(json.loads(out)["comparisons"]) == 1
    assert Path("page.md").read_text().startswith("# ")
