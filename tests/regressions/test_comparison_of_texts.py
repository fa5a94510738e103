"""Two sides of a study of text: less is better, and documents say how sure a move is."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
from novels import BYTES, DOCUMENTS, PLAN, novels
from sided import changed, measured, on_machine, side

from harness.compare.machines import machines
from harness.records import Outcome, Record
from harness.regressions.comparison import Comparison, compare
from harness.regressions.finding import Finding, Limits
from harness.repetition.items import unpacked
from harness.resampling import ratio_interval

NOW = novels()
TRIAL = next(record for record in NOW if record.trial.criterion == "similarity")
ADDED = np.linspace(-0.01, 0.04, DOCUMENTS)  # bits per byte, by document
ADDED[3] = 0.0


def _with_bits(record: Record, added: np.ndarray[Any, Any], **changes: Any) -> Record:
    """The record of a network that needs so many bits more for each byte of each test document."""

    def moved(one: Outcome) -> Outcome:
        if one.split != "test":
            return one
        nats = unpacked(one) - added * math.log(2) * BYTES
        return one.model_copy(update={"data": base64.b64encode(nats.astype("<f8").tobytes()).decode(), **changes})

    bits = next(m.value for m in record.measurements if (m.metric, m.split) == ("bits_per_byte", "test")) or 0.0
    told = measured(record, "bits_per_byte", value=bits + float(added.mean()))
    return told.model_copy(update={"outcomes": tuple(map(moved, record.outcomes))})


def _found(second: tuple[Record, ...]) -> Comparison:
    return compare(side("before", NOW, PLAN), side("now", second, PLAN), Limits())


def _bits(found: Comparison, record: Record = TRIAL) -> Finding:
    wanted = (record.trial.id, "bits_per_byte test")
    (only,) = (finding for finding in found.findings if (finding.trial, finding.what) == wanted)
    return only


def test_more_bits_are_worse_and_fewer_better() -> None:
    for sign, mark in ((1, "-"), (-1, "+")):
        assert _bits(_found(changed(NOW, TRIAL, lambda r: _with_bits(r, sign * ADDED)))).mark == mark  # noqa: B023
    assert _bits(_found(NOW)).mark == "="
    assert _bits(_found(NOW)).note == ""


def test_documents_say_which_way_a_text_moved_and_how_sure_that_is() -> None:
    found = _bits(_found(changed(NOW, TRIAL, lambda r: _with_bits(r, ADDED))))
    expected = ratio_interval(tuple((ADDED * BYTES).tolist()), (BYTES,) * DOCUMENTS)
    assert expected is not None
    more, fewer = int((ADDED > 0).sum()), int((ADDED < 0).sum())
    assert found.note == (
        f"{more} of {DOCUMENTS} documents need more bits and {fewer} fewer: {ADDED.mean():+.5f} bits per byte, "
        f"[{expected.low:.5f}, {expected.high:.5f}] over documents"
    )


def test_documents_that_cannot_pair_say_nothing() -> None:
    other = changed(NOW, TRIAL, lambda r: _with_bits(r, ADDED, order="2" * 64))
    assert _bits(_found(other)).note == ""
    torn = changed(NOW, TRIAL, lambda r: _with_bits(r, ADDED, items=DOCUMENTS + 1))
    assert _bits(_found(torn)).note == ""


def test_another_machine_may_differ_in_a_rounding_and_the_note_says_by_how_much() -> None:
    found = _bits(_found(on_machine(changed(NOW, TRIAL, lambda r: _with_bits(r, ADDED / 100)), "other")))
    assert found.mark == "~"
    assert found.note.startswith("within 0.5%")
    assert "documents need more bits" in found.note


def test_machines_know_what_a_removal_loses_of_a_text() -> None:
    (machine,) = machines([side("before", NOW, PLAN)])
    bits = {
        record.trial.id: next(m.value for m in record.measurements if (m.metric, m.split) == ("bits_per_byte", "test"))
        for record in NOW
    }
    whole = bits[TRIAL.trial.baseline or ""]
    assert machine.drops[TRIAL.trial.digest] == (bits[TRIAL.trial.id] or 0.0) - (whole or 0.0)
