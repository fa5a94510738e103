"""Whatever takes times holds the heap before its first step."""

from __future__ import annotations

import pytest
from conftest import FakeClock
from subjects import Stage

from harness import heap
from harness.collectors.latency import Latency
from harness.collectors.visits import VisitOptions, visit
from harness.collectors.windows import step_length


@pytest.fixture
def stage(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A subject whose log also tells when the heap was held."""
    found = Stage(clock)

    def held() -> bool:
        assert clock.time_s == 0  # every step takes time
        found.log.append("held")
        return False

    monkeypatch.setattr(heap, "hold", held)
    return found


def test_pairs_hold_it_and_their_record_tells_whether_that_could_be_done(stage: Stage, clock: FakeClock) -> None:
    (found,) = Latency(warmup=1, rounds=1, pairs=2).collect(stage.subject, clock)
    assert stage.log[0] == "held"
    assert stage.log.count("held") == 1
    assert found.details["is_heap_held"] is False


def test_visits_of_sublayers_hold_it(stage: Stage, clock: FakeClock) -> None:
    visit(stage.subject, {}, 1, clock, VisitOptions(rounds=2, pairs=1))
    assert stage.log == ["held"]  # the steps are those of copies, which log for themselves


def test_windows_of_energy_hold_it(stage: Stage, clock: FakeClock) -> None:
    step_length(lambda: stage.log.append("step"), "cpu", clock)
    assert stage.log[:2] == ["held", "step"]
