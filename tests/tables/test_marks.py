"""Marks of doubt: in which cells, what the note says, and what was measured again."""

from __future__ import annotations

import pandas as pd
from timed_records import PLAN, at_batch, changed, timed, viewed

from harness.records import Record
from harness.tables.marks import NOISY, OUT_OF_MEMORY, TAINTED, absent, beside, count_notes, mark, partly
from harness.tables.summaries import cost_table
from harness.tables.table import Table


def plain() -> list[Record]:
    return [record for record in timed() if record.trial.runtime == "fp32"]


def costs(records: list[Record]) -> Table:
    table = cost_table(viewed(records).panels[0])
    assert table is not None
    return table


def cells(table: Table, heading: str) -> dict[str, str]:
    place = next(i for i, name in enumerate(table.header) if name.startswith(heading))
    return {row[0]: row[place] for row in table.rows}


def doubted(record: Record, quality: str, **details: object) -> Record:
    return changed(record, "latency_s", quality=quality, reason=f"{quality}: told", details=details)


def test_noisy_and_tainted_have_marks_of_their_own_and_both_are_explained() -> None:
    words = {2: "noisy", 4: "tainted"}
    table = costs([doubted(r, words[r.trial.count]) if r.trial.count else r for r in plain()])
    for heading in ("latency", "speed-up", "realised"):
        found = cells(table, heading)
        assert found["2"].endswith(NOISY)
        assert found["4"].endswith(TAINTED)
        assert found["0"][-1] not in (NOISY, TAINTED)
    assert not any(NOISY in cell or TAINTED in cell for cell in cells(table, "items/s").values())
    assert [note[0] for note in table.notes if note[0] in (NOISY, TAINTED)] == [NOISY, TAINTED]


def test_of_several_doubts_the_worst_is_marked() -> None:
    records = [r for r in plain() if r.trial.count in (None, 2)]
    own = [doubted(r, "tainted" if r.trial.model_seed else "noisy") if r.trial.count else r for r in records]
    unshared = [changed(r, "latency_s", shared_from=None) for r in own]
    unshared = [
        r.model_copy(update={"measurements": tuple(m.model_copy(update={"shared_from": None}) for m in r.measurements)})
        for r in unshared
    ]
    assert cells(costs(unshared), "speed-up")["2"].endswith(TAINTED)


def test_the_note_says_how_many_were_measured_again_and_how_often() -> None:
    table = costs([doubted(r, "noisy", attempts=3) if r.trial.count == 4 else r for r in plain()])
    assert "Of 9 measurements 1 was taken again, up to 3 times in all." in table.notes


def test_nothing_is_said_of_marks_where_there_are_none() -> None:
    assert not any(word in note for note in costs(plain()).notes for word in (NOISY, TAINTED, "again"))


def test_the_doubts_of_a_size_are_found_beside_it() -> None:
    assert beside("speedup_throughput@batch=8", "quality") == "images_per_s_quality@batch=8"
    assert beside("realised", "attempts") == "latency_s_attempts"
    records = [at_batch(r, 8, quality="noisy") if r.trial.count == 4 else at_batch(r, 8) for r in plain()]
    panel = viewed(records).panels[0]
    assert mark(panel.at(4), "speedup_throughput@batch=8") == NOISY
    assert mark(panel.at(4), "speedup_throughput") == ""
    assert mark(panel.at(2), "speedup_throughput@batch=8") == ""


def test_memory_that_did_not_suffice_is_a_result_of_the_cell() -> None:
    null = {"value": None, "samples": (), "baseline_samples": (), "reason": "oom_gpu: a batch of 64 does not fit"}
    table = costs([changed(r, "images_per_s", **null) if r.trial.count == 2 else r for r in plain()])
    assert cells(table, "items/s")["2"] == OUT_OF_MEMORY
    rows = (
        viewed([changed(r, "peak_bytes", value=None, reason="no_counter: none") for r in plain()]).panels[0].candidates
    )
    assert absent(rows, "peak_bytes") == "–"


def test_doubtful_counts_are_told_wherever_macs_are_shown() -> None:
    warned = [
        changed(r, "macs", warnings=(f"fvcore counts +{r.trial.count} % against harness",))
        for r in plain()
        if r.trial.count
    ]
    records = [r for r in plain() if not r.trial.count] + warned
    expected = (
        "MACs are doubtful in 2 of 3 structures: fvcore counts +2 % against harness (the first of 2 such warnings)."
    )
    assert expected in costs(records).notes
    assert count_notes(viewed(plain()).panels[0].candidates) == ()
    assert PLAN.counts == (2, 4)


def test_structures_that_did_not_fit_are_counted_beside_those_that_did() -> None:
    name = "images_per_s@batch=512"
    rows = pd.DataFrame({name: [900.0, None, None], beside(name, "reason"): [None, "oom_gpu: too large", "no_counter"]})
    assert partly(rows, "speedup_throughput@batch=512") == " (1 of 3 out of memory)"
    assert partly(rows.iloc[:1], name) == ""
