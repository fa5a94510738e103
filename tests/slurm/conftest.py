"""The cluster that the tests of this folder share, also those that run side by side."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clusters import is_up, start, stop

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
