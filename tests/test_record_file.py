"""One record from a file: believed only where it is whole, unchanged and not newer than this harness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import Plan, records_of

from harness.errors import StoreError
from harness.record_file import read_record
from harness.records import Record
from harness.schema import sha256
from harness.store import Store

RECORD = records_of(Plan())[0]


def _written(folder: Path, text: str) -> Path:
    path = folder / "record.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_record_of_a_results_folder_is_read_wherever_it_lies(tmp_path: Path) -> None:
    written = Store(tmp_path / "results").write_record(RECORD)
    found = read_record(_written(tmp_path, written.read_text()))
    assert found.model_copy(update={"checksum": ""}) == RECORD


def test_a_changed_value_is_seen(tmp_path: Path) -> None:
    plain = {**RECORD.to_json(), "status": "failed"}
    with pytest.raises(StoreError, match=r"record\.json: its checksum does not fit its content"):
        read_record(_written(tmp_path, json.dumps(plain)))


def test_a_newer_schema_is_refused_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="schema 99 is newer than 1, the newest known here; update harness"):
        read_record(_written(tmp_path, json.dumps({**RECORD.to_json(), "schema": 99})))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: empty"),
        ('{"schema": 1,', "not JSON: empty, cut short"),
        ('{"schema": NaN}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"schema": 1, "trials": []}', "one lies under results/STUDY/TRIAL/"),
    ],
)
def test_what_is_no_record_is_told_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        read_record(_written(tmp_path, text))


def test_a_file_with_a_right_checksum_and_a_wrong_shape_names_its_problem(tmp_path: Path) -> None:
    plain = {**RECORD.to_json(), "colour": "red"}
    rest = {key: value for key, value in plain.items() if key != "checksum"}
    with pytest.raises(StoreError, match="not a record: colour: no such field"):
        read_record(_written(tmp_path, json.dumps({**rest, "checksum": sha256(rest)})))


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_beyond_all_is_a_sentence(tmp_path: Path, number: str) -> None:
    text = json.dumps({**RECORD.to_json(), "timings": {"total_s": 8.25}}).replace("8.25", number)
    with pytest.raises(StoreError, match="its checksum does not fit its content"):
        read_record(_written(tmp_path, text))


@pytest.mark.parametrize("name", ["started", "finished"])
def test_a_time_that_is_none_is_told(tmp_path: Path, name: str) -> None:
    plain = {**RECORD.to_json(), "run": {**RECORD.run.model_dump(mode="json"), name: "yesterday"}}
    rest = {key: value for key, value in plain.items() if key != "checksum"}
    with pytest.raises(StoreError, match=f"run.{name} is no ISO 8601 time"):
        read_record(_written(tmp_path, json.dumps({**rest, "checksum": sha256(rest)})))


def test_a_file_that_is_absent_or_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"absent\.json: cannot be read: No such file"):
        read_record(tmp_path / "absent.json")
    with pytest.raises(StoreError, match="is a folder; name one of its records"):
        read_record(tmp_path)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StoreError, match="not JSON"):
        read_record(path)


def test_a_record_comes_back_with_every_digit(tmp_path: Path) -> None:
    found = read_record(_written(tmp_path, json.dumps(RECORD.to_json())))
    assert isinstance(found, Record)
    assert [m.samples for m in found.measurements] == [m.samples for m in RECORD.measurements]
