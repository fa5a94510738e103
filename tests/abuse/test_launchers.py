"""Several launchers of one study at once: every trial runs once, all end well, and the numbers are those of one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from small_studies import command, environment, launched, records, small, written

pytestmark = pytest.mark.slow

LAUNCHERS = 3  # eight of them are a benchmark


def test_launchers_of_one_study_at_once_run_every_trial_once(tmp_path: Path) -> None:
    together, alone = tmp_path / "together", tmp_path / "alone"
    together.mkdir()
    alone.mkdir()
    study = written(together, small(criteria=[{"name": "random", "draws": 8}]))
    running = [
        subprocess.Popen(
            command("run", study.name, "--device", "cpu", "--reports", f"reports{number}"),
            cwd=together,
            env=environment(together),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(LAUNCHERS)
    ]
    assert [one.wait(timeout=300) for one in running] == [0] * LAUNCHERS
    summary = launched(study, alone / "results")
    found, right = records(together / "results", "small"), records(alone / "results", "small")
    assert found.keys() == right.keys()
    assert len(found) == summary.total == 9
    for trial, runs in found.items():
        (run,) = runs
        assert [(m.metric, m.value) for m in run.measurements] == [
            (m.metric, m.value) for m in right[trial][0].measurements
        ]
