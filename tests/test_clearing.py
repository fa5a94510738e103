"""What artifacts are kept for and which go: never one that a record needs unless that is asked for, none under way."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import Plan, index_of, records_of
from small_studies import records

from harness.artifacts import Artifacts, Maker
from harness.clearing import Keep, Wish, clear, entries
from harness.cli import main
from harness.errors import StoreError
from harness.executors.inline import Inline, Process
from harness.jobs import EventLog, Job, JobFolder, events_path
from harness.leases import lease
from harness.live import remember
from harness.process_mark import mark
from harness.records import StageRun
from harness.roots import place_artifacts
from harness.schema import unsealed
from harness.store import Store

PLAN = Plan(seeds=(0,), criteria=("entropy",), contrast=None, counts=(2,))
HERE = Maker("nobody-3f9a1c02d4e7", "r1", "here", "s")


def made(
    results: Path, content: str = "c0ffee", key: str = "abcd", maker: Maker = HERE, stage: str = "prepare"
) -> Path:
    """An artifact of ten bytes beside its manifest, newer than any that is there."""

    def make(folder: Path) -> str:
        (folder / "weights").write_bytes(b"x" * 10)
        return content

    artifact, _ = Artifacts(results).obtain(stage, {}, key, maker, make, since=time.time())
    return artifact.folder


def fates(results: Path, keep: Keep = "newest", **wish: object) -> dict[str, bool]:
    return {entry.place: entry.goes for entry in entries(results, Wish(keep, **wish))}  # type: ignore[arg-type]


def test_of_what_no_record_names_the_newest_of_each_machine_stays(tmp_path: Path) -> None:
    made(tmp_path, "a1a1")
    made(tmp_path, "b2b2")
    made(tmp_path, "c3c3", maker=Maker("nobody", "r", "there", "s"))
    assert fates(tmp_path) == {
        "prepare/abcd/a1a1": True,
        "prepare/abcd/b2b2": False,
        "prepare/abcd/c3c3": False,
    }
    assert set(fates(tmp_path, "records").values()) == {True}


def test_nothing_is_removed_but_what_goes(tmp_path: Path) -> None:
    old, new = made(tmp_path, "a1a1"), made(tmp_path, "b2b2")
    found = entries(tmp_path, Wish())
    assert old.is_dir()
    done = clear(tmp_path, found)
    assert (old.exists(), new.is_dir(), done.held_by) == (False, True, None)
    assert [entry.bytes > 10 for entry in done.entries] == [True]
    clear(tmp_path, entries(tmp_path, Wish("records")))
    assert list((tmp_path / "artifacts/prepare").iterdir()) == []


def test_while_a_trial_runs_every_artifact_stays(tmp_path: Path) -> None:
    old, _ = made(tmp_path, "a1a1"), made(tmp_path, "b2b2")
    with lease(tmp_path / ".leases" / "trial-x.lease"):
        done = clear(tmp_path, entries(tmp_path, Wish()))
        assert (done.held_by, done.entries) == ("trial-x", [])
        assert old.is_dir()
    assert clear(tmp_path, entries(tmp_path, Wish())).held_by is None
    assert not old.exists()


def test_while_a_job_runs_every_artifact_stays(tmp_path: Path) -> None:
    old, _ = made(tmp_path, "a1a1"), made(tmp_path, "b2b2")
    folder = JobFolder(tmp_path, "small")
    folder.create()
    Store(tmp_path).write_index(index_of(PLAN).model_copy(update={"study": "small"}))
    file = folder.write(Job(id="j-0", study="small", results=str(tmp_path), assignments=(), collectors=()))
    remember(file, Inline(), Process(file, mark()))
    done = clear(tmp_path, entries(tmp_path, Wish("records")))
    assert (done.held_by, done.entries) == ("job j-0 of small (jobs/j-0.where.json)", [])
    assert old.is_dir()
    EventLog(events_path(file)).add("finished")  # the only word there is of a machine that is no more
    assert clear(tmp_path, entries(tmp_path, Wish("records"))).held_by is None


@pytest.mark.parametrize(("timed", "kept"), [("evaluate", "evaluate"), ("assure", "stability"), ("assure", "table")])
@pytest.mark.parametrize(("parts", "why"), [(True, "of no trial"), (False, "may be of a record")])
def test_what_several_records_may_share_stays_where_they_do_not_name_it(
    tmp_path: Path, parts: bool, why: str, timed: str, kept: str
) -> None:
    own, other = (made(tmp_path, content, key, stage=kept) for content, key in (("a1a1", "1234"), ("b2b2", "5678")))
    named = ("1234/a1a1",) if parts else ()
    stage = StageRun(
        key="0" * 16, content="0" * 16, reused=True, made_by="", machine_class="", software_class="", elapsed_s=1.0
    )
    (record, *_) = records_of(PLAN)
    run = record.run.model_copy(update={"stages": {timed: stage.model_copy(update={"parts": named})}})
    Store(tmp_path).write_record(record.model_copy(update={"run": run}))
    found = {entry.folder: entry for entry in entries(tmp_path, Wish("records"))}
    assert found[other].goes is parts
    assert found[other].why.startswith(why)
    assert not found[own].goes


def test_what_a_trial_made_anew_meanwhile_is_not_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, _ = made(tmp_path, "a1a1"), made(tmp_path, "b2b2")

    def held(_: Path) -> list[str]:
        (old / "weights").parent.mkdir()
        (old / "weights").write_bytes(b"new")
        return ["trial-x"]

    monkeypatch.setattr("harness.clearing.held_in", held)
    assert clear(tmp_path, entries(tmp_path, Wish())).held_by == "trial-x"
    assert (old / "weights").read_bytes() == b"new"
    assert not list(old.parent.glob(".removed-*"))


def test_a_lease_that_a_dead_process_left_holds_nothing_up(tmp_path: Path) -> None:
    old, _ = made(tmp_path, "a1a1"), made(tmp_path, "b2b2")
    left = tmp_path / ".leases" / "trial-x.lease"
    left.write_text("{}")
    os.utime(left, (0, 0))
    clear(tmp_path, entries(tmp_path, Wish()))
    assert not old.exists()


def _age(folder: Path) -> None:
    os.utime(folder, (0, 0))


@pytest.mark.parametrize(
    ("name", "touch", "goes"),
    [
        (".draft-0123456789ab", _age, True),
        (".draft-0123456789ab", lambda _: None, False),
        (".removed-0123456789ab", lambda _: None, True),
        ("a1a1.damaged-01234567", lambda _: None, True),
        (".unfinished-0123456789ab", lambda _: None, False),
    ],
    ids=["an old draft", "a new draft", "removed by halves", "damaged", "an unfinished training"],
)
def test_what_was_left_behind(tmp_path: Path, name: str, touch: Callable[[Path], None], goes: bool) -> None:
    folder = tmp_path / "artifacts/recover/abcd" / name
    folder.mkdir(parents=True)
    touch(folder)
    assert fates(tmp_path) == {f"recover/abcd/{name}": goes}


def test_a_draft_that_is_being_made_stays_however_long_it_takes(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts/recover/abcd/.draft-0123456789ab"
    folder.mkdir(parents=True)
    _age(folder)
    with lease(tmp_path / ".leases" / "recover-abcd.lease"):
        assert set(fates(tmp_path).values()) == {False}


def test_an_unfinished_training_goes_once_its_weights_are_there(tmp_path: Path) -> None:
    folder = made(tmp_path).parent / ".unfinished-0123456789ab"
    folder.mkdir()
    assert fates(tmp_path)["prepare/abcd/.unfinished-0123456789ab"]


def test_artifacts_of_another_results_folder_are_left_alone(tmp_path: Path) -> None:
    home = place_artifacts(tmp_path / "results", tmp_path / "large").resolve()
    made(tmp_path / "results")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/artifacts").symlink_to(home)
    with pytest.raises(StoreError, match=r"are those of another results folder, .*results; give the command there"):
        clear(tmp_path / "copy", entries(tmp_path / "copy", Wish("nothing")))


def test_an_unknown_study_or_stage_is_told(tmp_path: Path) -> None:
    made(tmp_path)
    with pytest.raises(StoreError, match="no study 'smal' here; known: none"):
        entries(tmp_path, Wish(study="smal"))
    with pytest.raises(StoreError, match="--stage prepar: no artifacts of that stage here; known: prepare"):
        entries(tmp_path, Wish(stages=("prepar",)))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("trials.json", "small/trials.json: not JSON"), ("records.zip", "what its trials use is unknown")],
)
def test_where_nobody_knows_what_is_used_nothing_goes(tmp_path: Path, name: str, sentence: str) -> None:
    made(tmp_path)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / name).write_text("{")
    with pytest.raises(StoreError, match=sentence):
        entries(tmp_path, Wish("records"))


def test_what_trials_use_stays_for_as_long_as_it_is_asked_to(
    finished_small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = shutil.copytree(finished_small, tmp_path / "results")
    index = (results / "small/trials.json").read_text()
    files = sorted(results.glob("small/*/*.json"))
    loose = made(results, key="1234")
    shutil.copytree(results / "small", results / "second")  # its records are not its own, so they count for nothing
    (results / "second/trials.json").unlink()
    assert [place for place, goes in fates(results).items() if goes] == []
    assert [place for place, goes in fates(results, "plans").items() if goes] == ["prepare/1234/c0ffee"]
    other = unsealed(json.loads(index)) | {"trials": []}
    for study in ("small", "second"):
        (results / study / "trials.json").write_text(json.dumps({**other, "study": study}))
    assert [place for place, goes in fates(results, "records").items() if goes] == ["prepare/1234/c0ffee"]
    assert set(fates(results, "plans").values()) == {True}
    assert {place.partition("/")[0] for place in fates(results, "nothing", stages=("cost",))} == {"cost"}
    assert loose.is_dir()

    monkeypatch.setattr("sys.argv", ["harness", "gc", "small", "--keep", "plans", "--results", str(results)])
    assert main() == 0
    said = capsys.readouterr()
    assert "of no trial that is planned" in said.out
    assert "nothing was removed; --delete removes" in said.err
    monkeypatch.setattr("sys.argv", ["harness", "gc", "--keep", "plans", "--delete", "--results", str(results)])
    assert main() == 0
    assert "no artifacts" in _said(monkeypatch, capsys, results)
    assert sorted(results.glob("small/*/*.json")) == files
    assert len(records(results, "small")) == 2


def _said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], results: Path) -> str:
    capsys.readouterr()
    monkeypatch.setattr("sys.argv", ["harness", "gc", "--results", str(results)])
    main()
    return capsys.readouterr().out
