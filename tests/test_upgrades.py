"""Records of every past schema load for ever; a step between two is one pure function, in order, after the checksum."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import Plan, index_of, records_of

from harness import record_file
from harness.errors import StoreError
from harness.record_file import read_record
from harness.records import SCHEMA_NUMBER
from harness.schema import Json, sha256
from harness.store import INDEX, Store
from harness.upgrades import OF_PLANS, OF_RECORDS, Plain, upgraded

KEPT = Path(__file__).with_name("records")
RECORD = records_of(Plan())[0]


def upgrade_1_to_2(raw: Plain) -> Plain:
    """A made-up step: a field gets another name."""
    return {**{key: value for key, value in raw.items() if key != "ended"}, "status": raw["ended"]}


def upgrade_2_to_3(raw: Plain) -> Plain:
    """A made-up step: what was left out is written."""
    return {**raw, "reason": f"of schema {raw['schema']}"}


STEPS = {1: upgrade_1_to_2, 2: upgrade_2_to_3}


def test_every_step_is_taken_in_order_and_the_number_is_raised() -> None:
    old: dict[str, Json] = {"schema": 1, "ended": "ok"}
    assert upgraded(old, STEPS, newest=3) == {"schema": 3, "status": "ok", "reason": "of schema 2"}
    assert old == {"schema": 1, "ended": "ok"}
    newer: dict[str, Json] = {"schema": 3, "status": "ok"}
    assert upgraded(newer, STEPS, newest=3) == newer


def test_a_file_without_a_number_is_of_the_first_schema() -> None:
    assert upgraded({"ended": "ok"}, STEPS, newest=2) == {"schema": 2, "status": "ok"}


@pytest.mark.parametrize("number", [0, -1, True, None, "1", 1.5, [1]])
def test_a_schema_that_is_no_number_of_one_is_told(number: Json) -> None:
    with pytest.raises(ValueError, match="is none: it is a whole number from 1 on"):
        upgraded({"schema": number}, STEPS, newest=3)


def test_a_newer_one_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="schema 4 is newer than 3, the newest known here; update harness"):
        upgraded({"schema": 4}, STEPS, newest=3)


@pytest.mark.parametrize("number", range(1, SCHEMA_NUMBER + 1))
def test_a_record_of_every_past_schema_loads(number: int) -> None:
    path = KEPT / f"schema_{number}.json"
    assert json.loads(path.read_text())["schema"] == number
    found = read_record(path)
    assert (found.schema_number, found.status) == (SCHEMA_NUMBER, "ok")
    assert found.measurements


def test_every_step_up_to_the_newest_schema_is_known() -> None:
    assert set(OF_RECORDS) == set(OF_PLANS) == set(range(1, SCHEMA_NUMBER))


def test_an_older_record_is_believed_by_the_checksum_of_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a harness would that knows one schema more."""
    old = {key: value for key, value in RECORD.to_json().items() if key not in ("status", "checksum")}
    old = {**old, "ended": "ok"}
    monkeypatch.setattr(record_file, "upgraded", lambda raw, _: {**upgraded(raw, STEPS, newest=2), "schema": 1})
    path = tmp_path / "record.json"
    path.write_text(json.dumps({**old, "checksum": sha256(old)}))
    assert read_record(path).model_copy(update={"checksum": ""}) == RECORD
    path.write_text(json.dumps({**old, "ended": "failed", "checksum": sha256(old)}))
    with pytest.raises(StoreError, match="its checksum does not fit"):
        read_record(path)


def test_a_plan_of_a_newer_schema_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = Store(tmp_path).write_index(index_of(Plan()))
    raw = json.loads(path.read_text())
    raw.pop("checksum")
    path.write_text(json.dumps({**raw, "schema": 99}))
    with pytest.raises(StoreError, match=f"{INDEX}: schema 99 is newer than 1"):
        Store(tmp_path).read_index(Plan().study)
