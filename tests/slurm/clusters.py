"""A small real Slurm cluster that tests share, those side by side too, and studies that keep to some of its nodes."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.records import Record

HERE = Path(__file__).parent
NAMES = ("node1", "node2", "node3")
CONFIGURATION = Path("/etc/slurm/slurm.conf")  # of a machine's own, or a link to that of the cluster of the tests
INSTALLS = "HARNESS_TESTS_INSTALL_SLURM"  # set by whoever wants its packages on this machine
PLACE = Path(tempfile.gettempdir())
OURS = PLACE / "harness-slurm-tests.started"  # a cluster that was up before is left up


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[None]:
    """Three nodes with fake GPUs; tests of one module's `NODES` run in turn, of whichever run of pytest they are."""
    why_not = _obstacle()
    if why_not:
        pytest.skip(why_not)
    with _held("-".join(request.module.NODES), fcntl.LOCK_EX):
        with _held("start", fcntl.LOCK_EX):
            if not is_up():
                OURS.touch()
            start()
            use = _taken("use", fcntl.LOCK_SH)
        yield
        with _held("start", fcntl.LOCK_EX):
            os.close(use)
            if OURS.exists() and _is_free("use"):
                stop()
                OURS.unlink()


def _taken(name: str, how: int) -> int:
    handle = os.open(PLACE / f"harness-slurm-tests-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, how)
    return handle


@contextmanager
def _held(name: str, how: int) -> Iterator[None]:
    handle = _taken(name, how)
    try:
        yield
    finally:
        os.close(handle)


def _is_free(name: str) -> bool:
    try:
        os.close(_taken(name, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _obstacle() -> str:
    """Why no cluster may be started here; empty where it may."""
    if os.geteuid() != 0:
        return "starting Slurm's daemons needs root"
    if CONFIGURATION.exists() and not CONFIGURATION.is_symlink():
        return "this machine has a Slurm of its own"
    if not Path("/usr/sbin/slurmctld").exists() and INSTALLS not in os.environ:
        return "Slurm is not installed; `tox -e slurm` installs it"
    return ""


def run(*words: str | Path, limit_s: float = 240.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=limit_s, check=False)


def is_up() -> bool:
    return shutil.which("squeue") is not None and not run("squeue").returncode


def start() -> None:
    """Installs Slurm where it is absent, and starts what does not run."""
    up = run(HERE / "slurm-up", "TIMEOUT=6")
    assert up.returncode == 0, up.stderr


def stop() -> None:
    run(HERE / "slurm-down", "--purge")


def on_slurm(*nodes: str, **options: Any) -> dict[str, Any]:
    """An executor that keeps to these nodes."""
    others = ",".join(name for name in NAMES if name not in nodes)
    return {"name": "slurm", "slurm_exclude": others, "slurm_signal_delay_s": 10, "timeout_min": 30, **options}


def exact(found: dict[str, list[Record]]) -> dict[str, list[tuple[object, ...]]]:
    """The exact values of each trial's newest record."""
    return {
        trial: [(m.metric, m.split, str(m.at), m.value) for m in runs[-1].measurements if m.kind == "exact"]
        for trial, runs in found.items()
    }


def beside(act: Callable[..., object], *about: Any) -> threading.Thread:
    thread = threading.Thread(target=act, args=about, daemon=True)
    thread.start()
    return thread
