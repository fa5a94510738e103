"""`harness watch`: how it ends for whoever comes back, and what it says to do next."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import Plan, failed, index_of, records_of

from harness.cli.watch import watch_study
from harness.store import Store

PLAN = Plan(seeds=(0,), criteria=("entropy",), contrast=None, counts=(2, 3))
RECORDS = records_of(PLAN)


def test_what_failed_is_told_with_its_reason_and_the_way_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path)
    store.write_index(index_of(PLAN))
    store.write_record(RECORDS[0])
    store.write_record(failed(RECORDS[1]))
    assert watch_study(PLAN.study, tmp_path, tmp_path / "reports") == 1
    told = capsys.readouterr().err.splitlines()[-3:]
    assert told[0] == "1 trial left; run the study again"
    assert told[1].startswith(f"failed: {RECORDS[1].trial.id}: ")
    assert told[2] == "1 trial failed; run the study again; what would only fail again waits for --retry-failed"
