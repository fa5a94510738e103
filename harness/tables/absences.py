"""What could not be measured, and why: a null is an answer too, and memory that did not suffice is a finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.records import Measurement
from harness.results import TrialResult
from harness.tables.cells import NONE
from harness.tables.marks import OUT_OF_MEMORY, is_out_of_memory
from harness.tables.table import Table

MOST_ROWS = 40


def absence_table(results: Iterable[TrialResult]) -> Table | None:
    """One row per metric and reason, the most frequent first; None where every value is there."""
    good = [result for result in results if result.status == "ok"]
    trials: Counter[tuple[str, str]] = Counter()
    for result in good:
        nulls = (m for m in result.measurements.values() if m.value is None)
        trials.update(dict.fromkeys((_what(m), _why(m.reason)) for m in nulls).keys())  # once a trial, in their order
    if not trials:
        return None
    rows = [(what, why, f"{count} of {len(good)}") for (what, why), count in trials.most_common()]
    notes = ["No value stands for these: none is 0, and none is estimated."]
    if len(rows) > MOST_ROWS:
        notes.append(f"Shown are the {MOST_ROWS} most frequent of {len(rows)}; trials.csv holds all.")
    header = ("metric", "why", "trials")
    title = "What could not be measured"
    return Table("absent", title, header, tuple(rows[:MOST_ROWS]), tuple(notes), is_numeric=False)


def _what(m: Measurement) -> str:
    """A metric with its split and conditions: `images_per_s, batch 128`."""
    at = [f"{key} {value}" for key, value in sorted(m.at.items()) if key != "revision"]
    return ", ".join([m.metric, *([m.split] if m.split else []), *at])


def _why(reason: str | None) -> str:
    """The reason as recorded; the code for memory in words."""
    if reason is None:
        return NONE
    return f"{OUT_OF_MEMORY}: {reason.partition(': ')[2] or reason}" if is_out_of_memory(reason) else reason
