"""Study files that nobody should write: each is planned, or refused in words that a terminal can show; ten thousand of
them are a benchmark (`python -m benchmarks.abuse`).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.abuse import LIMIT_S, sources, tried
from benchmarks.mutations import mutant

SEED = 20
FILES, BATCHES = 300, 6
BOUND = 1 << 30  # bytes that study files may have added to this process at most, whatever its tests before took


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def limited() -> Iterator[None]:
    """Whatever computes without end is stopped."""

    def stop(_number: int, _frame: object) -> None:
        raise TimeoutError("a study file was read for too long")

    before = signal.signal(signal.SIGPROF, stop)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_mutated_study_is_planned_or_refused_in_words(kept: Path, batch: int) -> None:
    texts, each = sources(), FILES // BATCHES
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is told anew from here
    before = held_bytes("VmRSS")
    for number in range(batch * each, (batch + 1) * each):
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        assert tried(mutant(SEED, number, texts), kept) in ("planned", "refused"), number
    assert held_bytes("VmHWM") - before < BOUND


def held_bytes(name: str) -> int:
    """What Linux says that this process holds, or held at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
