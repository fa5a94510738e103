"""One holder at a time, and no lease outlives its holder for long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness import leases
from harness.errors import StoreError
from harness.leases import lease


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "POLL_S", 0.005)


def test_a_lease_is_held_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.lease"
    with lease(path) as is_mine:
        assert is_mine
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not path.exists()


def test_a_lease_is_given_back_when_work_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no"), lease(tmp_path / "a.lease"):
        raise RuntimeError("no")
    assert not (tmp_path / "a.lease").exists()


def test_only_one_of_many_works_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with lease(tmp_path / "a.lease"):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_who_waited_for_what_is_made_meanwhile_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    with lease(path), lease(path, lambda: True) as is_mine:
        assert not is_mine
    with lease(path, lambda: True) as is_mine:
        assert not is_mine
    assert not path.exists()


def test_the_lease_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    code = (
        f"import os; from harness.leases import _created; from pathlib import Path; _created(Path({str(path)!r}), 't')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.exists()
    with lease(path) as is_mine:
        assert is_mine
    assert list(tmp_path.iterdir()) == []


def test_a_lease_that_nobody_touches_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    path.write_text("not JSON")
    old = time.time() - leases.STALE_S - 1
    os.utime(path, (old, old))
    with lease(path) as is_mine:
        assert is_mine


def test_the_lease_of_another_machine_is_respected_while_it_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    path.write_text(json.dumps({"token": "t", "pid": 1, "born": "0", "machine": "elsewhere"}))
    looks = iter([False] * 5 + [True])
    with lease(path, lambda: next(looks)) as is_mine:
        assert not is_mine
    assert path.exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"the lease a\.lease cannot be written"), lease(tmp_path / "file" / "a.lease"):
        pass


def test_who_judged_a_dead_owner_late_takes_nothing_from_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lease"
    path.write_text(json.dumps({"token": "dead"}))
    judged = leases._owner(path)
    leases._take_away(path, "first", judged)
    assert not path.exists()
    with lease(path):
        held = path.read_text()
        leases._take_away(path, "second", judged)
        assert path.read_text() == held
    assert list(tmp_path.iterdir()) == []
