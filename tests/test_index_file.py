"""Records in brief: the same as reading every file, whatever was added, changed, damaged, or became of the index."""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import Plan, failed, records_of, stored

from harness.briefs import brief
from harness.index_file import NAME, kept
from harness.records import Record
from harness.store import Store

SMALL = Plan(seeds=(0, 1), criteria=("entropy",), contrast=None, counts=(2, 3))
STUDY = SMALL.study


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return stored(SMALL, Store(tmp_path / "results"))


def index(store: Store) -> Path:
    return store.root / STUDY / NAME


def path_of(store: Store, record: Record) -> Path:
    return store.root / STUDY / record.trial.id / f"{record.run.id}.json"


def again(record: Record, number: int) -> Record:
    run = record.run.model_copy(update={"id": f"again{number}", "finished": f"2026-05-01T00:00:{number:02d}Z"})
    return record.model_copy(update={"run": run})


def assert_as_read(store: Store) -> None:
    expected = tuple(map(brief, store.records(STUDY)))
    assert store.briefs(STUDY) == expected
    assert store.briefs(STUDY) == expected  # once more, from what was kept


def _nothing(_: Store) -> None:
    pass


def _add(store: Store) -> None:
    store.write_record(failed(again(records_of(SMALL)[-1], 1)))


def _delete(store: Store) -> None:
    path_of(store, records_of(SMALL)[0]).unlink()


def _damage(store: Store) -> None:
    path = path_of(store, records_of(SMALL)[-1])
    path.write_text(path.read_text()[:-40])


def _change_within_a_line(store: Store) -> None:
    """As long as before, and with a later time: a digit that the checksum covers."""
    path = path_of(store, records_of(SMALL)[1])
    path.write_text(path.read_text().replace('"attempt": 1', '"attempt": 2'))
    os.utime(path, ns=(1, 1))


def _copy_without_an_index(store: Store) -> None:
    """As `rsync` brings it from another machine: files that nobody here has written down."""
    record = again(records_of(SMALL)[2], 2)
    path_of(store, record).write_text(json.dumps(record.to_json()))


def _delete_the_index(store: Store) -> None:
    index(store).unlink()


def _cut_the_index(store: Store) -> None:
    index(store).write_bytes(index(store).read_bytes()[:-100])


def _cut_and_go_on(store: Store) -> None:
    _cut_the_index(store)
    _add(store)


def _flip_a_byte_of_the_index(store: Store) -> None:
    data = bytearray(index(store).read_bytes())
    data[len(data) // 2] ^= 1
    index(store).write_bytes(bytes(data))


def _fill_the_index_with_something_else(store: Store) -> None:
    index(store).write_bytes(b"\xff\x00{]\n" * 50)


def _double_the_index(store: Store) -> None:
    index(store).write_bytes(index(store).read_bytes() * 3)


def _an_index_that_cannot_be_a_file(store: Store) -> None:
    index(store).unlink()
    index(store).mkdir()


@pytest.mark.parametrize(
    "happens",
    [
        _nothing,
        _add,
        _delete,
        _damage,
        _change_within_a_line,
        _copy_without_an_index,
        _delete_the_index,
        _cut_the_index,
        _cut_and_go_on,
        _flip_a_byte_of_the_index,
        _fill_the_index_with_something_else,
        _double_the_index,
        _an_index_that_cannot_be_a_file,
    ],
)
def test_the_index_says_what_the_files_say(store: Store, happens: Callable[[Store], None]) -> None:
    assert len(store.briefs(STUDY)) == len(records_of(SMALL))
    happens(store)
    assert_as_read(store)


def test_what_is_written_is_in_the_index_at_once(store: Store) -> None:
    assert len(kept(index(store).parent).entries) == len(records_of(SMALL))


def test_a_file_that_has_not_changed_is_not_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = store.briefs(STUDY)
    read: list[Path] = []
    monkeypatch.setattr("harness.store.loaded", read.append)
    assert store.briefs(STUDY) == expected
    assert read == []


def test_a_changed_record_is_not_believed_because_an_older_form_of_it_was(store: Store) -> None:
    _change_within_a_line(store)
    assert records_of(SMALL)[1].trial.id not in {one.trial for one in store.briefs(STUDY)}
    assert len(store.read(STUDY).damaged) == 1


def test_an_index_of_many_idle_lines_is_written_anew(store: Store) -> None:
    _double_the_index(store)
    store.briefs(STUDY)
    assert len(index(store).read_bytes().splitlines()) == len(records_of(SMALL))


def test_two_writers_lose_nothing(store: Store) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 8):
            store.write_record(again(records_of(SMALL)[0], number))
            store.briefs(STUDY)

    writers = [threading.Thread(target=write, args=(first,)) for first in (10, 30)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(store.briefs(STUDY)) == len(records_of(SMALL)) + 16
    assert_as_read(store)


def test_a_study_that_never_ran_gets_no_index(tmp_path: Path) -> None:
    assert Store(tmp_path).briefs("nothing") == ()
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("text", [b'[2,"no", "entry"]', b"[2,{]", b'[2,1,2,3,"a","b",1,"c","d",5,6]'])
def test_a_line_with_a_checksum_that_something_else_wrote_is_not_believed(store: Store, text: bytes) -> None:
    expected = store.briefs(STUDY)
    index(store).write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
    assert kept(store.root / STUDY).entries == {}
    assert store.briefs(STUDY) == expected
