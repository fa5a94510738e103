"""Study files that nobody should write: each is planned, or refused in words that a terminal can show; ten thousand of
them are a benchmark (`python -m benchmarks.abuse`).
"""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.abuse import LIMIT_S, sources, tried
from benchmarks.mutations import mutant

SEED = 20
FILES, BATCHES = 300, 6
BOUND = 3 << 30  # bytes that this process may have used at most, torch and its tests before included


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
    texts, each, before = sources(), FILES // BATCHES, peak_bytes()
    for number in range(batch * each, (batch + 1) * each):
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        assert tried(mutant(SEED, number, texts), kept) in ("planned", "refused"), number
    assert peak_bytes() <= max(BOUND, before)  # other tests of this process may have taken more


def peak_bytes() -> int:
    """The most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
