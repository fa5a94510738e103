"""What a trial says while it runs: every new thing at once, how far a loop has come now and then."""

from __future__ import annotations

from pathlib import Path

from harness.child import Voice
from harness.jobs import EventLog, EventTail


def told(path: Path, *notes: tuple[str, str]) -> list[tuple[object, object]]:
    voice = Voice(EventLog(path / "events.jsonl"), "a-trial")
    for stage, note in notes:
        voice.tell(stage, note)
    return [(event["stage"], event["note"]) for event in EventTail(path / "events.jsonl").new()]


def test_steps_of_a_loop_that_follow_fast_are_told_once(tmp_path: Path) -> None:
    assert told(tmp_path, *[("prepare", f"epoch {n}/9, loss 1") for n in range(9)]) == [
        ("prepare", "epoch 0/9, loss 1")
    ]


def test_a_long_collector_is_named_though_short_ones_came_just_before(tmp_path: Path) -> None:
    notes = [("cost", ""), ("cost", "macs"), ("cost", "energy"), ("evaluate", "")]
    assert told(tmp_path, *notes) == notes
