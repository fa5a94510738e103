"""Documents that are rows of a table: files in a folder, or a data set in the library's own cache; never a network."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from text_files import load_text, passage

from harness.datasets.base import PARTS, Data, datasets
from harness.errors import DataError, HarnessError
from harness.schema import Options

hub = pytest.importorskip("datasets", reason="datasets is not installed (extra datasets)")
NAME = "owner/small"


def texts(part: str, documents: int = 4) -> list[str]:
    return [passage(100 * PARTS.index(part) + number) for number in range(documents)]


def write_rows(home: Path, by_split: Mapping[str, Sequence[Any]]) -> Path:
    """A file of rows for every split, called as the library takes splits of any name; one row a document."""
    (home / "data").mkdir(parents=True, exist_ok=True)
    for split, held in by_split.items():
        hub.Dataset.from_dict({"text": [*held]}).to_json(home / "data" / f"{split}-00000-of-00001.jsonl")
    return home


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library's cache, empty; reaching for its hub is an error."""
    monkeypatch.setattr(hub.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(hub.config, "HF_HUB_OFFLINE", True)
    hub.disable_progress_bars()
    return tmp_path / "cache"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "mine", {part: texts(part) for part in PARTS})


def keep(cache: Path, home: Path) -> None:
    """What the library keeps of a repository that was fetched once."""
    reader: Any = importlib.import_module("datasets.packaged_modules.json.json").Json
    files = {path.name.partition("-")[0]: str(path) for path in home.glob("data/*.jsonl")}
    reader(cache_dir=str(cache), dataset_name="small", hash="0", data_files=files).download_and_prepare()
    ((kept,),) = ([*place.iterdir()] for place in [cache / "small"])
    kept.rename(kept.with_name("default"))
    (cache / "small").rename(cache / NAME.replace("/", "___"))


def fingerprints(data: Data) -> list[str]:
    return [data.parts[part].info.sha256 for part in PARTS]


def test_rows_are_the_documents_that_files_would_hold(home: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    for part in PARTS:
        for number, text in enumerate(texts(part)):
            (plain / part).mkdir(parents=True, exist_ok=True)
            (plain / part / f"{number}.txt").write_text(f"\n{text}\r\n")
    found = load_text(home, rows={})
    assert fingerprints(found) == fingerprints(load_text(plain))
    assert found.parts["test"].info.transform.startswith("4 documents, rows 'text' of files; tokens bytes")


def test_parquet_files_say_the_same(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "columns" / "data"
    other.mkdir(parents=True)
    for part in PARTS:
        hub.Dataset.from_dict({"text": texts(part)}).to_parquet(other / f"{part}-00000-of-00001.parquet")
    assert fingerprints(load_text(other.parent, rows={})) == fingerprints(load_text(home, rows={}))


def test_a_repository_is_read_from_the_librarys_cache(home: Path, cache: Path, tmp_path: Path) -> None:
    keep(cache, home)
    found = load_text(tmp_path / "nowhere", rows={"repository": NAME})
    assert fingerprints(found) == fingerprints(load_text(home, rows={}))


def test_parts_are_splits_or_rows_of_one(tmp_path: Path) -> None:
    home = write_rows(tmp_path / "mine", {"validation": texts("train", 12)})
    parts = {"calibration": "validation[:3]", "validation": "validation[3:5]", "test": "validation[5:6]"}
    found = load_text(home, rows={"parts": {**parts, "train": "validation[6:]"}})
    counts = [found.parts[part].info.transform.partition(" ")[0] for part in PARTS]
    assert counts == ["6", "3", "2", "1"]
    alone = write_rows(tmp_path / "alone", {"test": texts("train", 12)[5:6], "train": texts("test", 12)})
    assert fingerprints(found)[3] == fingerprints(load_text(alone, rows={}))[3]


def test_parts_that_are_missing_are_carved_by_document(tmp_path: Path) -> None:
    home = write_rows(tmp_path / "mine", {"validation": texts("train", 12)})
    found = load_text(home, rows={}, splits={"train": {"from": "validation", "items": 4}, "test": 2, "calibration": 1})
    assert [found.parts[part].info.transform.partition(" ")[0] for part in PARTS] == ["4", "1", "5", "2"]


def test_how_rows_are_found_is_part_of_an_identity() -> None:
    made = datasets.create({"name": "text", "label": "mine", "rows": {"repository": NAME, "column": "text"}})
    assert made.identity()["rows"] == {"repository": NAME}


BAD: dict[str, tuple[Options, str]] = {
    "part": ({"parts": {"tset": "test"}}, r"rows.parts: unknown part 'tset'; did you mean 'test'"),
    "slice": ({"parts": {"test": "test[:3"}}, r"rows.parts.test: "),
    "name": ({"repository": "../elsewhere"}, r"rows.repository: "),
    "column": ({"column": "txt"}, r"rows.column: unknown column 'txt'; did you mean 'text'"),
    "split": ({"parts": {"test": "tst"}}, r"rows.parts: unknown split 'tst'; did you mean 'test'"),
    "absent": ({"repository": NAME}, r"rows: .* owner/small is not in this machine's cache, .* `harness fetch STUDY"),
}


@pytest.mark.parametrize(("rows", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_told(home: Path, rows: Options, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        load_text(home, rows=rows)


def test_a_row_that_holds_no_text_is_told(tmp_path: Path) -> None:
    home = write_rows(tmp_path / "mine", {"train": [1, 2], "test": [3, 4]})
    with pytest.raises(DataError, match=r"rows.column: .* row 1 of train holds '1' in 'text', and a text is needed"):
        load_text(home, rows={})


def test_splits_that_are_no_parts_are_told(tmp_path: Path) -> None:
    home = write_rows(tmp_path / "mine", {"train": ["  "], "test": texts("test")})
    with pytest.raises(DataError, match=r"rows.parts.train: text data 'mine': has no text"):
        load_text(home, rows={})


def test_files_that_are_no_rows_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.xml").write_text("<a>one</a>")
    with pytest.raises(DataError, match=r"rows: text data 'mine': holds xml files, no rows of text; known: parquet"):
        load_text(tmp_path / "mine", rows={})


def test_a_damaged_file_is_told(home: Path) -> None:
    (home / "data" / "test-00000-of-00001.jsonl").write_bytes(b"\x00\x01 no rows")
    with pytest.raises(DataError, match=r"rows: text data 'mine': its files cannot be read: "):
        load_text(home, rows={})


def test_a_rule_for_files_is_refused_beside_rows(home: Path) -> None:
    with pytest.raises(HarnessError, match="a row is a document; leave them out"):
        load_text(home, rows={}, separator="\n")


@pytest.mark.parametrize("elsewhere", ["../secret.jsonl", "hf://datasets/owner/small/x.jsonl", "http://127.0.0.1:9/x"])
def test_a_readme_leads_out_of_the_folder_nowhere(home: Path, elsewhere: str) -> None:
    (home.parent / "secret.jsonl").write_text('{"text": "a secret"}\n')
    front = f"configs:\n- config_name: default\n  data_files:\n  - split: test\n    path: {elsewhere}\n"
    before = fingerprints(load_text(home, rows={}))
    (home / "README.md").write_text(f"---\n{front}---\n")
    assert fingerprints(load_text(home, rows={})) == before


def test_a_file_without_any_row_is_told(home: Path) -> None:
    (home / "data" / "test-00000-of-00001.jsonl").write_bytes(b"")
    with pytest.raises(DataError, match=r"rows: text data 'mine': its files cannot be read: "):
        load_text(home, rows={})
