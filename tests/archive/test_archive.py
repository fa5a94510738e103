"""An archive: every file is listed, checked, explained and cited, the same from the same records, read by verify."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import tarfile
import zipfile
from datetime import date
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from verifying import restored

from harness.archive.bundle import archive
from harness.archive.dictionary import fields_csv
from harness.archive.packed import pack_up
from harness.archive.terms import CFF, Terms
from harness.cli.archive import archive_study
from harness.cli.verify import verify_folder
from harness.errors import SpecError, StoreError
from harness.record_lines import FILE, SUMS
from harness.store import Store
from harness.verification.verify import verify

STUDY = "runtimes_gpu"
TERMS = Terms("What a removal buys", ("Lovelace, Ada", "The harness developers"), "1.2", "CC-BY-4.0")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(restored(tmp_path_factory.mktemp("home") / "results"))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report as far as an archive looks at it: files in folders."""
    home = tmp_path_factory.mktemp("reports")
    (home / STUDY / "tables").mkdir(parents=True)
    (home / STUDY / "index.html").write_text("<!doctype html>")
    (home / STUDY / "tables" / "accuracy.tex").write_text("%")
    return home


@pytest.fixture(scope="module")
def made(store: Store, reports: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive(store, STUDY, reports, tmp_path_factory.mktemp("made") / "out", TERMS).folder


def _table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_every_file_is_listed_and_sha256sum_agrees(made: Path) -> None:
    done = subprocess.run(["sha256sum", "-c", SUMS], cwd=made, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    listed = {line.partition("  ")[2] for line in (made / SUMS).read_text().splitlines()}
    held = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert listed == held - {SUMS}
    assert {FILE, "trials.csv", CFF, "README.md", "report/index.html"} <= held


def test_verify_reads_it_and_sees_what_was_changed(made: Path, tmp_path: Path) -> None:
    found = verify(made)
    assert found.is_in_order
    assert len(found.records) == 12
    copy = shutil.copytree(made, tmp_path / "copy")
    (copy / "trials.csv").write_text("id\n")
    (copy / "added.csv").write_text("id\n")
    (copy / "README.md").unlink()
    told = {one.place: one.findings for one in verify(copy).checked if one.state != "ok"}
    assert told == {
        "trials.csv": ["was changed: its SHA-256 is not the one that is listed"],
        "README.md": ["is listed, and is not there"],
        SUMS: ["does not list added.csv"],
    }
    assert verify_folder(copy, False, None, as_json=False) == 1


def test_a_listed_name_that_no_file_can_have_is_told(tmp_path: Path) -> None:
    (tmp_path / SUMS).write_text(f"{'0' * 64}  {'x' * 300}\n")
    assert ["its name is too long for this file system"] in [one.findings for one in verify(tmp_path).checked]


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "a/../../secret", "..\\secret"])
def test_a_list_of_checksums_leads_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "in" / SUMS).write_text(f"{'0' * 64}  {name}\nnonsense\n")
    first, own = verify(tmp_path / "in").checked
    assert first.findings == ["is listed by a name that leads out of the folder; it was not opened"]
    assert own.findings == ["holds a line that is no checksum: 'nonsense'"]


def test_a_listed_link_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to("/etc/hostname")
    (tmp_path / "in" / SUMS).write_text(f"{'0' * 64}  link\n")
    told = [sentence for one in verify(tmp_path / "in").checked for sentence in one.findings]
    assert "is a link, or lies behind one; it was not opened" in told


def test_the_citation_is_valid_cff(made: Path) -> None:
    found = YAML(typ="safe", pure=True).load(made / CFF)
    assert {"cff-version", "message", "title", "authors"} <= set(found)
    assert (found["cff-version"], found["type"], found["version"]) == ("1.2.0", "dataset", "1.2")
    assert found["authors"] == [
        {"family-names": "Lovelace", "given-names": "Ada"},
        {"name": "The harness developers"},
    ]
    assert found["license"] == "CC-BY-4.0"
    assert date.fromisoformat(found["date-released"]).year == 2026
    assert all(isinstance(word, str) for word in found["keywords"])


def test_the_same_records_give_the_same_bytes(store: Store, reports: Path, made: Path, tmp_path: Path) -> None:
    again = archive(store, STUDY, reports, tmp_path / "out", TERMS).folder
    assert (again / SUMS).read_bytes() == (made / SUMS).read_bytes()
    (tmp_path / "copy").mkdir()
    other = shutil.copytree(made, tmp_path / "copy" / "out")
    for form in ("zip", "tar.gz"):
        assert pack_up(again, form).read_bytes() == pack_up(other, form).read_bytes()


def test_as_one_file_it_holds_the_same_and_names_nobody(made: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made, tmp_path / "out")
    wanted = {f"out/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*") if path.is_file()}
    with zipfile.ZipFile(pack_up(folder, "zip")) as pack:
        assert set(pack.namelist()) == wanted
        assert {info.date_time for info in pack.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with tarfile.open(pack_up(folder, "tar.gz")) as pack:
        assert set(pack.getnames()) == wanted
        assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in pack.getmembers()} == {(0, 0, "", "", 0)}
    with pytest.raises(StoreError, match=r"out\.zip: is there already"):
        pack_up(folder, "zip")


def test_every_column_is_explained_with_unit_and_better_way(made: Path) -> None:
    told = {row["column"]: row for row in _table(made / "dictionary" / "columns.csv")}
    assert list(told) == list(_table(made / "trials.csv")[0])
    assert all(row["meaning"] for row in told.values())
    assert (told["latency_s"]["unit"], told["latency_s"]["better"]) == ("s", "lower")
    assert (told["speedup"]["better"], told["macs_saved"]["better"], told["macs"]["better"]) == (
        "higher",
        "higher",
        "lower",
    )
    assert told["criterion"]["better"] == told["latency_s_quality"]["better"] == ""


def test_every_field_of_a_record_is_explained_and_nothing_else(made: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(fields_csv())))
    fields = {re.sub(r"\[\]|\{\}", "", row["field"]) for row in rows}
    assert all(row["meaning"] and row["type"] for row in rows)
    raw = json.loads((Path(__file__).parent.parent / "records" / "schema_1.json").read_text())
    assert set(raw) <= fields
    assert {f"trial.{name}" for name in raw["trial"]} <= fields
    assert {f"measurements.{name}" for m in raw["measurements"] for name in m} <= fields
    assert {f"run.stages.{name}" for name in raw["run"]["stages"]["prepare"]} <= fields


def test_the_schema_fits_what_is_on_the_lines(made: Path) -> None:
    shapes = json.loads((made / "dictionary" / "record.schema.json").read_text())
    assert "checksum" in shapes["record"]["properties"]
    assert "trials" in shapes["plan"]["properties"]


def test_a_link_in_a_report_is_left_out(store: Store, reports: Path, tmp_path: Path) -> None:
    copy = tmp_path / "reports"
    shutil.copytree(reports, copy)
    (copy / STUDY / "link.txt").symlink_to("/etc/hostname")
    found = archive(store, STUDY, copy, tmp_path / "out", TERMS)
    assert found.left_out == ("report/link.txt: is a link, or no plain file",)
    assert not (tmp_path / "out" / "report" / "link.txt").exists()


def test_a_linked_folder_in_a_report_is_left_out(store: Store, reports: Path, tmp_path: Path) -> None:
    copy = tmp_path / "reports"
    shutil.copytree(reports, copy)
    (copy / STUDY / "away").symlink_to("/etc", target_is_directory=True)
    found = archive(store, STUDY, copy, tmp_path / "out", TERMS)
    assert found.left_out == ("report/away: is a link, or no plain file",)


def test_an_archive_in_the_report_that_it_holds_is_refused(store: Store, reports: Path) -> None:
    with pytest.raises(StoreError, match="lies in the report, which goes into the archive"):
        archive(store, STUDY, reports, reports / STUDY / "out", TERMS)
    assert not (reports / STUDY / "out").exists()


def test_without_a_report_it_says_so(store: Store, tmp_path: Path) -> None:
    found = archive(store, STUDY, tmp_path / "none", tmp_path / "out", TERMS)
    assert found.left_out == ("no report of it lies in none; `harness report` writes one",)
    assert "report/index.html" not in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (Terms("t", (), "1"), "--author: is required, at least once"),
        (Terms("t", ("a\nb",), "1"), "--author: must be one line"),
        (Terms(" ", ("a",), "1"), "--title: must be one line"),
        (Terms("t", ("a",), "x" * 400), "--version: must be one line"),
        (Terms("t", ("a",), "1", "my own"), "--license: 'my own' is no SPDX identifier, such as CC-BY-4.0"),
    ],
)
def test_terms_that_nobody_could_cite_are_refused_before_anything_is_written(
    store: Store, reports: Path, tmp_path: Path, terms: Terms, told: str
) -> None:
    with pytest.raises(SpecError, match=re.escape(told)):
        archive(store, STUDY, reports, tmp_path / "out", terms)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_as_it_is(store: Store, reports: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(StoreError, match="is there already, and not empty"):
        archive(store, STUDY, reports, tmp_path, TERMS)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_command_takes_the_question_for_a_title_and_needs_a_record(
    store: Store, reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Terms("", ("A",), "1")
    assert archive_study(STUDY, tmp_path / "out", own, "zip", store.root, reports) == 0
    assert "12 records in" in capsys.readouterr().out
    assert (tmp_path / "out.zip").is_file()
    assert YAML(typ="safe").load(tmp_path / "out" / CFF)["title"].startswith(f"Results of the study {STUDY}")
    assert archive_study("absent", tmp_path / "other", own, None, store.root, reports) == 3


def test_a_pack_that_is_there_already_is_told_before_anything_is_written(
    store: Store, reports: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.zip").write_text("mine")
    with pytest.raises(StoreError, match=r"out\.zip: is there already"):
        archive_study(STUDY, tmp_path / "out", TERMS, "zip", store.root, reports)
    assert [path.name for path in tmp_path.iterdir()] == ["out.zip"]


def test_hostile_words_stay_words(store: Store, reports: Path, tmp_path: Path) -> None:
    evil = '"; rm -rf / #: {{x}} <script>'
    folder = archive(store, STUDY, reports, tmp_path / "out", Terms(evil, (evil,), evil)).folder
    found = YAML(typ="safe", pure=True).load(folder / CFF)
    assert (found["title"], found["version"], found["authors"]) == (evil, evil, [{"name": evil}])
    assert "<script>" not in (folder / "README.md").read_text()
