"""What SECURITY.md promises: nothing that others wrote is run, believed or followed out of the results folder."""

from __future__ import annotations

import ast
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_studies import called, environment, small, written

from harness.device_queue import FOLDER, lease_folder
from harness.errors import StoreError
from harness.executors.inline import Inline, Process
from harness.jobs import JobFolder, read_job
from harness.live import live_jobs, remember
from harness.privacy import is_private, made_private
from harness.process_mark import mark

pytestmark = pytest.mark.slow

HOME = Path(__file__).parent.parent.parent
CALLS = {
    "pickle": "load loads Unpickler",
    "marshal": "load loads",
    "shelve": "open",
    "dill": "load loads",
    "joblib": "load",
    "yaml": "load unsafe_load full_load",
    "os": "system popen",
    "importlib": "import_module",
}
# Modules of the package itself, by the names of its folders: never a name from a file.
IMPORTERS = (
    "registry.py",
    "architectures/__init__.py",
    "families/catalogue.py",
    "nvml.py",
    "datasets/readers.py",
    "datasets/rows.py",
)
KNOWN = {(f"harness/{name}", "importlib.import_module") for name in IMPORTERS}


def _calls() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Every call in the package: its file, what is called, and its named arguments."""
    for path in sorted((HOME / "harness").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                named = {str(word.arg): ast.unparse(word.value) for word in node.keywords}
                yield path.relative_to(HOME).as_posix(), ast.unparse(node.func), named


EVERY_CALL = [*_calls()]


def test_no_module_reads_a_pickle_or_hands_text_to_a_shell() -> None:
    risky = {f"{module}.{name}" for module, names in CALLS.items() for name in names.split()}
    assert {(path, name) for path, name, _ in EVERY_CALL if name in risky | {"eval", "__import__"}} <= KNOWN
    assert [path for path, name, named in EVERY_CALL if name.startswith("subprocess.") and "shell" in named] == []
    assert {named["allow_pickle"] for _, _, named in EVERY_CALL if "allow_pickle" in named} <= {"False"}


def test_torch_reads_weights_only() -> None:
    assert all(named.get("weights_only") == "True" for _, name, named in EVERY_CALL if name == "torch.load")


def test_only_a_users_own_plug_ins_are_run_as_code() -> None:
    assert {path for path, name, _ in EVERY_CALL if name in ("exec", "compile")} == {"harness/plugins.py"}


def test_yaml_is_read_safely_everywhere() -> None:
    readers = [named for _, name, named in EVERY_CALL if name == "YAML"]
    assert readers
    assert all(named.get("typ") == "'safe'" for named in readers)


@pytest.fixture
def folder(finished_small: Path, tmp_path: Path) -> JobFolder:
    """The jobs of a finished study, in a copy."""
    return JobFolder(shutil.copytree(finished_small, tmp_path / "results"), "small")


def _job(folder: JobFolder) -> Path:
    return next(folder.jobs.glob("*-0.json"))


@pytest.mark.parametrize("others", ["file", "folder", "link"])
def test_a_job_that_others_could_have_written_is_not_run(folder: JobFolder, tmp_path: Path, others: str) -> None:
    job = _job(folder)
    assert read_job(job).study == "small"
    if others == "file":
        job.chmod(0o666)
    elif others == "folder":
        folder.jobs.chmod(0o777)
    else:
        moved = job.rename(tmp_path / job.name)
        job.symlink_to(moved)
    with pytest.raises(StoreError, match="nothing is handed over there"):
        read_job(job)
    words = [sys.executable, "-m", "harness.worker", str(job)]
    assert subprocess.run(words, env=environment(tmp_path), capture_output=True, check=False).returncode != 0


def test_a_folder_for_jobs_is_closed_to_others_and_never_a_link(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "results", "small")
    folder.jobs.mkdir(parents=True, mode=0o755)
    folder.create()
    assert is_private(folder.jobs)
    assert is_private(folder.logs)
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    folder.logs.rmdir()
    folder.logs.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link"):
        folder.create()
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_another_users_folder_is_not_private(tmp_path: Path) -> None:
    made_private(tmp_path / "own")
    os.chown(tmp_path / "own", 1234, 1234)
    assert not is_private(tmp_path / "own")
    assert not made_private(tmp_path / "own")


def test_a_note_of_a_job_that_names_another_process_ends_none(folder: JobFolder) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        remember(_job(folder), Inline(), Process(_job(folder), mark(other.pid)))
        (live,) = live_jobs(folder)
        live.handle.end(now=False)
        live.handle.end(now=True)
        assert other.poll() is None
        other.kill()


def test_a_note_that_others_could_have_written_is_passed_over(folder: JobFolder) -> None:
    remember(_job(folder), Inline(), Process(_job(folder), mark()))
    assert len(live_jobs(folder)) == 1
    next(folder.jobs.glob("*.where.json")).chmod(0o644)
    assert live_jobs(folder) == []


def test_nothing_of_a_hostile_results_folder_is_executed(folder: JobFolder, tmp_path: Path) -> None:
    """Every place that could name code names some: a plug-in, an interpreter, a pickle of submitit's."""
    evil = tmp_path / "evil.py"
    evil.write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'owned')!r}).touch()")
    job = _job(folder)
    held = {**json.loads(job.read_text()), "plugins": [str(evil)], "id": job.stem, "code": ""}
    held.pop("checksum")
    job.write_text(json.dumps(held))
    note = {
        "executor": {"name": "slurm", "python": f"{sys.executable} {evil}"},
        "where": {"job_id": "1", "folder": "x"},
    }
    place = job.with_name(f"{job.stem}.where.json")
    place.write_text(json.dumps(note))
    place.chmod(0o600)
    submitted = folder.logs / f"submitit-{job.stem}-0"
    submitted.mkdir()
    (submitted / "1_0_result.pkl").write_bytes(pickle.dumps(_Touch(str(tmp_path / "owned"))))
    (folder.jobs.parent / "study.resolved.yaml").write_text("!!python/object/apply:os.system ['touch owned']")
    written(tmp_path, small())
    for words in (
        ["status", "small"],
        ["watch", "small"],
        ["report", "small"],
        ["cancel", "small"],
        ["run", "study.yaml"],
    ):
        assert called(tmp_path, *words).returncode in (0, 1, 2)
    assert not (tmp_path / "owned").exists()


class _Touch:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (self.path, "w"))


def test_leases_of_devices_lie_in_a_private_folder_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv(FOLDER, str(shared))
    assert lease_folder(otherwise=tmp_path / "own") == tmp_path / "own"
