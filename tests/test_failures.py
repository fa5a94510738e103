"""Why a trial failed: classes, and texts without this machine's folders."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from harness.failures import classified, failure_of, failure_of_exit, lost, without_paths


class OutOfMemoryError(RuntimeError):
    """As torch calls it."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OutOfMemoryError("CUDA out of memory"), "oom_gpu"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "oom_gpu"),
        (MemoryError(), "oom_host"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "oom_host"),
        (FloatingPointError("not finite"), "numerical"),
        (ZeroDivisionError(), "numerical"),
        (ValueError("x"), "error"),
    ],
)
def test_an_exception_has_a_class(error: Exception, kind: str) -> None:
    assert classified(error) == kind


def test_a_failure_keeps_the_traceback_and_its_stage() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        failure = failure_of(error, "select", "logs/a.log")
    assert (failure.kind, failure.stage, failure.message) == ("error", "select", "ValueError: no")
    assert "test_failures.py" in str(failure.traceback)
    assert str(Path(__file__).parent) not in str(failure.traceback)
    assert not failure.retry


@pytest.mark.parametrize(
    ("exit_code", "timeout_s", "kind", "retry"),
    [(-9, None, "killed", True), (3, None, "error", False), (-9, 60.0, "timeout", False)],
)
def test_a_silent_end_has_a_class(exit_code: int, timeout_s: float | None, kind: str, retry: bool) -> None:
    failure = failure_of_exit(exit_code, None, None, timeout_s)
    assert (failure.kind, failure.retry) == (kind, retry)
    assert failure.signal == (signal.SIGKILL if exit_code < 0 else None)


@pytest.mark.parametrize(
    ("exit_code", "timeout_s", "kind"), [(-9, None, "oom_host"), (-9, 60.0, "timeout"), (-15, None, "killed")]
)
def test_a_child_that_the_kernel_ends_for_its_memory_is_told_from_others(
    exit_code: int, timeout_s: float | None, kind: str
) -> None:
    failure = failure_of_exit(exit_code, None, None, timeout_s, lacked_memory=True)
    assert (failure.kind, failure.retry) == (kind, kind == "killed")


def test_a_lost_trial_may_be_tried_again() -> None:
    assert lost("logs/a.log").retry


def test_folders_are_cut_from_texts() -> None:
    assert without_paths(f"{Path.home()}/x/y.py in /opt/somewhere/else/z.py") == "x/y.py in .../z.py"
    assert without_paths("1/2 of a and/or b") == "1/2 of a and/or b"
    assert without_paths("No such file: '/data/My Images/val/a.png'") == "No such file: '.../a.png'"
    assert without_paths("/data/run=3/~new/x.pt is no file") == ".../x.pt is no file"
    assert without_paths("/data/run(1)/a,b/x.pt") == ".../x.pt"
    assert without_paths("""at "/data/O'Brien/My Images/x.png" and '/y/z'""") == """at ".../x.png" and '.../z'"""
    assert without_paths("an open quote: '/data/a/b") == "an open quote: '.../b"
    assert without_paths("'top1'/n/m") == "'top1'/n/m"


def test_a_root_as_home_leaves_slashes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    monkeypatch.chdir("/")
    assert without_paths("images/s of a/b") == "images/s of a/b"
