"""What a record says about where it was made, and what it must not say."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_nvml import Card, play

import harness
from harness import environment
from harness.device import GpuAddress
from harness.environment import environment_of, variables, versions
from harness.gpu_state import uuid_digest
from harness.hardware import machine_details, machine_fields
from harness.models import libraries

GIT = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def git(folder: Path, *words: str) -> str:
    found = subprocess.run(
        ["git", "-C", str(folder), "-c", "commit.gpgsign=false", *words],
        capture_output=True, text=True, check=True, env={**os.environ, **GIT},
    )  # fmt: skip
    return found.stdout.strip()


def software_class(libraries: tuple[str, ...] = ()) -> str:
    return environment_of("cpu", 1, libraries).software_class


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit, which is the current folder."""
    git(tmp_path, "init", "-q")
    (tmp_path / "study.yaml").write_text("study: a\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_host_user_or_path_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMP_PLACES", str(tmp_path))
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", f"backend:{Path.home()}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-0aa1-secret,GPU-1bb2-secret")
    text = environment_of("cpu", 2).model_dump_json().replace(" @ ", " at ")  # processors are called by their clock
    places = {str(Path.cwd()), str(Path.home()), str(Path(harness.__file__).parent), str(tmp_path), sys.prefix}
    # A container's host or user may be called as some other word is; names that short say nothing about anyone.
    names = {name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 3}
    for secret in places | names | {"secret", "@"}:
        assert secret not in text
    assert not re.search(r"(?<!\w)/\w", text)


def test_what_explains_a_difference_within_a_class_is_told_beside_its_facts() -> None:
    found = environment_of("cpu", 1).machine
    assert {**machine_fields(), **machine_details(None, None)} == found


def test_on_a_gpu_the_card_of_this_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    environment_of("cpu", 1)  # what is asked once per process is asked of the real machine
    play(monkeypatch, Card("GPU-0aa1-secret", limit_w=250.0), Card("GPU-1bb2-secret"))
    monkeypatch.setattr(environment, "gpu_address", lambda device: GpuAddress("GPU-0aa1-secret", None))
    text = environment_of("cuda:0", 1).model_dump_json()
    card = json.loads(text)["machine"]["gpu"]
    assert (card["power_limit_w"], card["uuid_sha256"]) == (250.0, uuid_digest("GPU-0aa1-secret"))
    assert "secret" not in text


def test_the_project_is_the_checkout_around_the_current_folder(checkout: Path) -> None:
    assert environment_of("cpu", 1).project == {"commit": git(checkout, "rev-parse", "HEAD"), "dirty": False}


def test_a_changed_file_makes_the_project_dirty_and_a_new_one_does_not(checkout: Path) -> None:
    (checkout / "new.txt").write_text("x")
    assert environment._commit.__wrapped__(checkout)[1] is False
    (checkout / "study.yaml").write_text("study: b\n")
    assert environment._commit.__wrapped__(checkout)[1] is True


def test_outside_of_a_checkout_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert environment_of("cpu", 1).project == {"commit": None, "dirty": None}


def test_a_package_inside_somebody_elses_checkout_takes_no_commit_from_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = checkout / ".venv" / "site-packages" / "harness" / "__init__.py"
    monkeypatch.setattr(harness, "__file__", str(installed))
    assert environment_of("cpu", 1).harness == {"version": harness.__version__, "commit": None, "dirty": None}


def test_git_is_asked_once(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    real = subprocess.run

    def run(words: list[str], **options: Any) -> Any:
        asked.append(words)
        return real(words, **options)

    monkeypatch.setattr(subprocess, "run", run)
    environment._commit.cache_clear()
    monkeypatch.setattr(harness, "__file__", str(checkout / "harness" / "__init__.py"))
    for _ in range(3):
        environment_of("cpu", 1)
    assert len(asked) == 1


def test_without_git_the_commit_is_unknown(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    environment._commit.cache_clear()
    assert environment_of("cpu", 1).project == {"commit": None, "dirty": None}


def test_harmless_variables_are_shown_and_unknown_ones_are_not() -> None:
    source = {"OMP_NUM_THREADS": "2", "KMP_AFFINITY": "granularity=fine,compact,1,0", "HOME": "x", "SLURM_JOB_ID": "7"}
    assert variables(source) == {"OMP_NUM_THREADS": "2", "KMP_AFFINITY": "granularity=fine,compact,1,0"}


@pytest.mark.parametrize("value", ["/home/a", "C:\\a", "~", "a" * 201, "$HOME"])
def test_a_value_that_could_hold_a_path_is_withheld(value: str) -> None:
    assert variables({"OMP_PLACES": value}) == {"OMP_PLACES": "withheld"}


@pytest.mark.parametrize(("value", "shown"), [("", "0 devices"), ("3", "1 devices"), ("GPU-a,GPU-b", "2 devices")])
def test_visible_gpus_are_counted_and_not_named(value: str, shown: str) -> None:
    assert variables({"CUDA_VISIBLE_DEVICES": value}) == {"CUDA_VISIBLE_DEVICES": shown}


def test_versions_are_those_of_the_loaded_packages() -> None:
    import numpy as np
    import torch

    found = versions()
    assert found["numpy"] == np.__version__
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found.get("cuda") == torch.version.cuda


def test_the_software_class_ignores_what_does_not_change_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    held = versions()
    before = software_class()
    monkeypatch.setattr(environment, "_versions", lambda: {**held, "pandas": "0", "driver": "1", "transformers": "0"})
    assert software_class() == before
    monkeypatch.setattr(environment, "_versions", lambda: {**held, "timm": "0"})
    assert software_class() != before


def test_the_software_class_of_a_language_model_counts_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    held, own = versions(), libraries("hf-config:llama")
    before = software_class(own)
    assert before != software_class(libraries("deit_tiny_patch16_224"))
    monkeypatch.setattr(environment, "_versions", lambda: {**held, "transformers": "0"})
    assert software_class(own) != before


def test_no_torch_is_loaded_to_describe_the_machine() -> None:
    program = (
        "import sys, harness.device, harness.doctor, harness.collectors.base as base\n"
        "from harness.environment import environment_of; from harness.machine import fitness\n"
        "environment_of('cpu', 1); fitness(); base.collectors.members()\n"
        "raise SystemExit('torch' in sys.modules or 'timm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
