"""The history of a results folder: snapshots count too, words, JSON and the page."""

from __future__ import annotations

import json
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from accumulating import PLAN, accumulating, commit, with_value
from builders import index_of

from harness.cli.history import show_history
from harness.errors import UnknownNameError
from harness.history.commits import line_of
from harness.history.look import history_of
from harness.history.page import page
from harness.record_lines import FILE, write_lines
from harness.records import Record
from harness.store import Store


def planted(number: int, record: Record) -> Record:
    return with_value(record, "top1", "test", 0.5 if number >= 2 else 0.6)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Commits 2 and 3 in the results, 0 to 2 in a snapshot: one of them is in both."""
    records = [*accumulating(range(4), planted)]
    found = Store(tmp_path / "results")
    found.write_index(index_of(PLAN))
    for record in records[4:]:
        found.write_record(record)
    kept = tmp_path / "results" / "snapshots" / "before" / PLAN.study
    kept.mkdir(parents=True)
    write_lines(kept / FILE, index_of(PLAN), records[:6])
    return found


def test_snapshots_of_the_study_count_each_run_once(store: Store, tmp_path: Path) -> None:
    found = history_of(store, PLAN.study, tmp_path)
    assert dict(found.sources) == {"results": 4, "snapshot before": 4}
    assert [code.commit for code in found.accumulated.states] == [commit(number) for number in range(4)]
    assert {step.series.name.metric for step in found.steps} == {"top1 test"}


def test_what_cannot_be_read_is_told_and_the_rest_is_used(store: Store, tmp_path: Path) -> None:
    other = store.root / "snapshots" / "damaged" / PLAN.study
    other.mkdir(parents=True)
    (other / FILE).write_bytes(b"none")
    found = history_of(store, PLAN.study, tmp_path)
    assert found.refused == (f"snapshots/damaged/{PLAN.study}/{FILE}: line 1: no file of this kind",)
    assert len(found.accumulated.states) == 4


def test_an_unknown_metric_is_told_with_the_nearest(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"--metric: unknown metric 'top2'; did you mean 'top1'\?"):
        history_of(store, PLAN.study, tmp_path, "top2")
    assert {s.name.metric for s in history_of(store, PLAN.study, tmp_path, "top1").accumulated.series} == {
        "top1 test",
        "top1 validation",
    }


def test_words_say_what_changed_and_why_no_commit_is_named(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_history(PLAN.study, store.root, tmp_path, None, None, as_json=False) == 0
    out = capsys.readouterr().out
    assert "8 runs" not in out
    assert "4 runs from results, 4 runs from snapshot before; 4 states of the code, in order of time" in out
    assert f"{commit(1)[:8]} -> {commit(2)[:8]}: no single commit can be named: no repository at hand" in out
    assert "top1 test: 0.6 -> 0.5 (-0.1)" in out


def test_json_holds_every_point_and_step(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_history(PLAN.study, store.root, tmp_path, "top1", None, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    by_metric = {one["metric"]: one for one in found["series"] if "entropy" in one["trial"]}
    assert [point["value"] for point in by_metric["top1 test"]["points"]] == [0.6, 0.6, 0.5, 0.5]
    assert [step["turn"] for step in by_metric["top1 test"]["steps"]] == ["worse"]


def test_nothing_to_look_at_is_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path)
    assert show_history("small", tmp_path, tmp_path, None, None, as_json=False) == 3
    assert "no record" in capsys.readouterr().err
    for record in accumulating([0]):
        store.write_record(record)
    assert show_history("small", tmp_path, tmp_path, None, None, as_json=False) == 3
    assert "every series has one point only" in capsys.readouterr().err


class _Active(HTMLParser):
    """What a browser would run or fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag] if tag in ("script", "img", "iframe", "link") else []
        self.found += [key for key, _ in attrs if key.startswith("on") or key == "src"]


def test_the_page_is_one_file_that_runs_nothing_whatever_names_hold(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>{{ 7 * 7 }}'

    def hostile(number: int, record: Record) -> Record:
        made = record.environment
        assert made is not None
        moved = made.model_copy(update={"versions": {**made.versions, "torch": f"{number}{evil}"}})
        renamed = planted(number, record).model_copy(update={"environment": moved})
        return renamed.model_copy(update={"trial": renamed.trial.model_copy(update={"model": evil})})

    store = Store(tmp_path / "results")
    for record in accumulating(range(4), hostile):
        store.write_record(record)
    text = page(history_of(store, PLAN.study, tmp_path))
    assert _Active(text).found == []
    assert "&lt;script&gt;alert(1)" in text
    assert "{{ 7 * 7 }}" in text
    assert page(history_of(store, PLAN.study, tmp_path)) == text
    assert {path.name for path in tmp_path.iterdir()} == {"results"}


def test_a_repository_tells_the_order_of_its_commits(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        named = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e@example.org", *words]
        return subprocess.run(named, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    made = []
    for number in range(3):
        git("commit", "-q", "--allow-empty", "-m", str(number))
        made.append(git("rev-parse", "HEAD"))
    found = line_of(tmp_path)
    assert found is not None
    assert sorted(found.places, key=found.places.__getitem__) == made
    assert found.between(made[0], made[2]) == (made[1], made[2])
    assert line_of(tmp_path / "absent") is None
