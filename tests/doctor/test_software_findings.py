"""What the doctor says about compilers, packages, Slurm and folders of data."""

from __future__ import annotations

from importlib import util
from pathlib import Path

import pytest

from harness.doctor.software import compile_on_cpu, compile_on_gpu, data_folder, software_findings


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that commands are found in."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    return folder


def command(folder: Path, name: str) -> None:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def test_compiling_needs_a_compiler_and_the_headers_of_python(tools: Path, tmp_path: Path) -> None:
    assert "no C++ compiler" in compile_on_cpu(tmp_path).why
    command(tools, "clang++")
    assert "headers of Python" in compile_on_cpu(tmp_path).why
    (tmp_path / "Python.h").touch()
    assert compile_on_cpu(tmp_path).can


def test_a_compiler_that_is_named_and_absent_is_told_without_its_path(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Python.h").touch()
    command(tools, "g++")
    monkeypatch.setenv("CXX", str(tools / "gone"))
    found = compile_on_cpu(tmp_path)
    assert not found.can
    assert str(tools) not in found.why
    monkeypatch.setenv("CXX", str(tools / "g++"))
    assert compile_on_cpu(tmp_path).can


@pytest.mark.parametrize(
    ("has_gpu", "has_triton", "can"), [(False, True, False), (True, False, False), (True, True, True)]
)
def test_compiling_for_a_gpu_needs_both(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, has_triton: bool, can: bool
) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: object() if has_triton else None)
    assert compile_on_gpu(has_gpu).can is can


def test_slurm_without_its_commands_says_which(tools: Path) -> None:
    for name in ("squeue", "scancel", "sacct"):
        command(tools, name)
    (slurm,) = [finding for finding in software_findings(False) if finding.what == "Slurm"]
    assert (slurm.can, slurm.why) == (False, "not on PATH: sbatch")
    command(tools, "sbatch")
    (slurm,) = [finding for finding in software_findings(False) if finding.what == "Slurm"]
    assert slurm.can


def test_a_folder_of_data_is_named_by_its_label_only(tmp_path: Path) -> None:
    for found in (data_folder("here", tmp_path), data_folder("gone", tmp_path / "gone")):
        assert str(tmp_path) not in f"{found.why} {found.improve}"
    assert data_folder("here", tmp_path).can
    assert not data_folder("gone", tmp_path / "gone").can
