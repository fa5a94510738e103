"""Records in one file: read as before, put back as before, and never lost on the way."""

from __future__ import annotations

import os
import threading
import zipfile
from pathlib import Path

import pytest
from builders import Plan, records_of, stored

from harness import index_file
from harness.cli import main
from harness.errors import StoreError
from harness.gathering import merge
from harness.leases import lease
from harness.packing import Moved, pack, unpack
from harness.packs import PACK, packed
from harness.record_file import UnreadableError
from harness.records import Record
from harness.store import Reading, Store

SMALL = Plan(seeds=(0,), criteria=("entropy",), contrast=None, counts=(2,))
STUDY = SMALL.study


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return stored(SMALL, Store(tmp_path / "results"))


def files(store: Store) -> dict[str, bytes]:
    """Every record that is a file, with its bytes."""
    folder = store.root / STUDY
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("*/*.json"))}


def another(record: Record, run: str) -> Record:
    return record.model_copy(update={"run": record.run.model_copy(update={"id": run})})


def shown(store: Store) -> list[str]:
    """What lies in the study's folder; a derived index may be among it."""
    names = {path.name for path in (store.root / STUDY).iterdir()}
    return sorted(names - {index_file.NAME})


def test_packed_records_are_read_as_before(store: Store) -> None:
    before, count = store.read(STUDY), len(files(store))
    moved = pack(store, STUDY)
    assert moved == Moved(count, 2 * count - 1)
    assert shown(store) == [PACK, "trials.json"]
    assert store.read(STUDY) == before
    assert store.studies() == (STUDY,)
    trial = before.records[0].trial.id
    assert store.read(STUDY, trial).records == tuple(r for r in before.records if r.trial.id == trial)


def test_undone_every_file_is_as_it_was(store: Store) -> None:
    before = files(store)
    pack(store, STUDY)
    assert files(store) == {}
    assert unpack(store, STUDY).records == len(before)
    assert files(store) == before
    assert not (store.root / STUDY / PACK).exists()


def test_where_another_file_stands_the_pack_stays(store: Store) -> None:
    before = files(store)
    pack(store, STUDY)
    name, content = next(iter(before.items()))
    path = store.root / STUDY / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content[:40])
    with pytest.raises(StoreError, match="is another one than in the pack, which stays"):
        unpack(store, STUDY)
    assert (store.root / STUDY / PACK).exists()
    path.unlink()
    unpack(store, STUDY)
    assert files(store) == before


def test_a_trial_that_is_not_packed_is_looked_for_once_the_pack_changes(store: Store) -> None:
    pack(store, STUDY)
    new = another(records_of(SMALL)[0], "r-later")
    trial = new.trial.model_copy(update={"id": "later"})
    assert store.read(STUDY, "later").records == ()
    store.write_record(new.model_copy(update={"trial": trial}))
    pack(store, STUDY)
    assert [run.run.id for run in store.read(STUDY, "later").records] == ["r-later"]


def test_what_comes_later_is_packed_beside_it(store: Store) -> None:
    pack(store, STUDY)
    first = (store.root / STUDY / PACK).read_bytes()
    new = another(records_of(SMALL)[0], "r-later")
    store.write_record(new)
    assert new.run.id in {record.run.id for record in store.records(STUDY)}
    pack(store, STUDY)
    assert new.run.id in {record.run.id for record in store.records(STUDY)}
    assert len(store.records(STUDY)) == len(records_of(SMALL)) + 1
    assert pack(store, STUDY) == Moved(0, 0)
    unpack(store, STUDY)
    next((store.root / STUDY).glob("*/r-later.json")).unlink()
    pack(store, STUDY)
    assert (store.root / STUDY / PACK).read_bytes() == first


def test_what_a_killed_packing_left_is_cleared_away(store: Store) -> None:
    (store.root / STUDY / ".pack-0123.tmp").write_text("half a pack")
    pack(store, STUDY)
    assert shown(store) == [PACK, "trials.json"]


def test_a_file_goes_before_what_is_packed(store: Store) -> None:
    before = files(store)
    pack(store, STUDY)
    name, content = next(iter(before.items()))
    (store.root / STUDY / name).parent.mkdir()
    (store.root / STUDY / name).write_bytes(content)  # as if packing had been killed before it took the file away
    assert len(store.records(STUDY)) == len(before)
    pack(store, STUDY)
    assert files(store) == {}
    assert len(store.records(STUDY)) == len(before)


def test_the_folder_of_a_trial_that_runs_stays(store: Store) -> None:
    trial = store.records(STUDY)[0].trial.id
    with lease(store.root / ".leases" / f"trial-{trial}.lease"):
        pack(store, STUDY)
    assert [path.name for path in (store.root / STUDY).iterdir() if path.is_dir()] == [trial]


def test_untrusted_files_stay_and_are_told(store: Store) -> None:
    name = next(iter(files(store)))
    (store.root / STUDY / name).write_text("{")
    moved = pack(store, STUDY)
    assert [name, *moved.left] == [name, f"{name}: not JSON: empty, cut short or written by something else"]
    assert list(files(store)) == [name]
    assert [damaged.path for damaged in store.read(STUDY).damaged] == [f"{STUDY}/{name}"]


@pytest.mark.parametrize("length", [0, 1, 100, -1, -30])
def test_a_pack_that_was_cut_short_is_told_and_left(store: Store, length: int) -> None:
    pack(store, STUDY)
    path = store.root / STUDY / PACK
    cut = path.read_bytes()[:length]
    path.write_bytes(cut)
    found = store.read(STUDY)
    assert found.records == ()
    assert [(each.path, each.reason) for each in found.damaged] == [
        (f"{STUDY}/{PACK}", "a damaged pack: none of its records can be read")
    ]
    store.write_record(records_of(SMALL)[0])
    for change in (pack, unpack):
        with pytest.raises(StoreError, match=r"records\.zip: a damaged pack.*Move it away"):
            change(store, STUDY)
    assert path.read_bytes() == cut
    assert len(store.records(STUDY)) == 1


def test_a_record_that_changed_in_its_pack_is_set_aside_alone(store: Store) -> None:
    count = len(files(store))
    pack(store, STUDY)
    path = store.root / STUDY / PACK
    raw = path.read_bytes()
    at = raw.index(b'"status"')
    path.write_bytes(raw[:at] + b'"Status"' + raw[at + 8 :])
    found = store.read(STUDY)
    assert len(found.records) == count - 1
    assert [each.reason for each in found.damaged] == ["is damaged in its pack"]
    assert found.damaged[0].path.startswith(f"{STUDY}/{PACK}/")


def test_no_name_in_a_pack_leads_out_of_the_folder(store: Store) -> None:
    content = next(iter(files(store).values()))
    names = ["../../out/r.json", "/etc/r.json", "a/../../r.json", "a\\b/r.json", "a/b/c.json", "a/.r.json", "logs.json"]
    with zipfile.ZipFile(store.root / STUDY / PACK, "w") as foreign:
        for name in names:
            foreign.writestr(name, content)
        foreign.writestr(zipfile.ZipInfo("a/huge.json"), b"0" * 10_000, zipfile.ZIP_DEFLATED)
    places = {path for path in store.root.parent.rglob("*") if path.is_file()}
    found = store.read(STUDY)
    assert [each.reason[:13] for each in found.damaged] == ["is compressed"]
    with pytest.raises(StoreError, match="is compressed, which harness never does"):
        unpack(store, STUDY)
    assert {path for path in store.root.parent.rglob("*") if path.is_file()} == places


def test_who_reads_while_records_move_finds_every_one(store: Store) -> None:
    count = len(files(store))
    stop = threading.Event()
    readings: list[Reading] = []

    def read() -> None:
        while not stop.is_set():
            readings.append(store.read(STUDY))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5):
        pack(store, STUDY)
        unpack(store, STUDY)
    stop.set()
    reader.join()
    assert readings
    assert {(len(each.records), each.damaged) for each in readings} == {(count, ())}


def test_a_folder_that_is_taken_away_at_the_last_moment_loses_no_record(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = another(records_of(SMALL)[0], "r-later")
    pack(store, STUDY)
    make = Path.mkdir
    taken: list[Path] = []

    def mkdir(path: Path, *words: object, **more: object) -> None:
        make(path, *words, **more)  # type: ignore[arg-type]  # as it was called
        if path.name == new.trial.id and not taken:
            taken.append(path)
            os.rmdir(path)  # noqa: PTH106  # past this very method

    monkeypatch.setattr(Path, "mkdir", mkdir)
    store.write_record(new)
    assert taken
    assert new.run.id in {record.run.id for record in store.records(STUDY)}


def test_a_packed_study_is_merged(store: Store, tmp_path: Path) -> None:
    pack(store, STUDY)
    found = merge(store.root, tmp_path / "other")
    assert found.records == len(records_of(SMALL))
    assert Store(tmp_path / "other").records(STUDY) == store.records(STUDY)
    assert merge(tmp_path / "other", store.root).records == 0


def test_a_packed_record_tells_how_to_know_it_again(store: Store) -> None:
    sizes = {name: len(content) for name, content in files(store).items()}
    pack(store, STUDY)
    assert {source.info.filename: source.size for source in packed(store.root / STUDY)} == sizes
    assert len({source.crc for source in packed(store.root / STUDY)}) == len(sizes)


def test_a_pack_in_place_of_which_a_folder_stands_is_told(store: Store) -> None:
    (store.root / STUDY / PACK).mkdir()
    with pytest.raises(UnreadableError, match="is a folder"):
        list(packed(store.root / STUDY))


def test_the_command_says_what_it_moved(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    count = len(files(store))
    words = ["harness", "pack", STUDY, "--results", str(store.root)]
    monkeypatch.setattr("sys.argv", words)
    assert main() == 0
    assert f"{PACK}: {count} records more, {2 * count - 1} files and folders fewer" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*words, "--undo"])
    assert main() == 0
    assert capsys.readouterr().out == f"{count} records put back into files of their own\n"
    monkeypatch.setattr("sys.argv", ["harness", "pack", "absent", "--results", str(store.root)])
    assert main() == 3
