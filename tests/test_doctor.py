"""What a machine can measure, in plain findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.doctor import data_folder, doctor_findings, peak_memory, rapl


def test_every_finding_has_a_fact_behind_it(tmp_path: Path) -> None:
    found = doctor_findings({"here": tmp_path, "gone": tmp_path / "gone"})
    assert all(finding.what and finding.why for finding in found)
    assert len({finding.what for finding in found}) == len(found)
    assert {finding.what: finding.can for finding in found if "data" in finding.what} == {
        "data 'here'": True,
        "data 'gone'": False,
    }


def test_a_folder_of_data_is_named_by_its_label_only(tmp_path: Path) -> None:
    assert str(tmp_path) not in data_folder("here", tmp_path).why + data_folder("gone", tmp_path / "gone").why


def test_rapl_is_found_where_it_is(tmp_path: Path) -> None:
    assert not rapl(tmp_path).can
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("1")
    assert rapl(tmp_path).can


def test_without_a_switch_the_peak_cannot_be_reset(tmp_path: Path) -> None:
    assert not peak_memory(tmp_path / "absent").can


def test_slurm_without_its_commands_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (slurm,) = [finding for finding in doctor_findings() if finding.what == "Slurm"]
    assert not slurm.can
    assert "sbatch" in slurm.why
