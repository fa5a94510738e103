"""What could not be measured, and why: a null is an answer too, and memory that did not suffice is a finding."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd

from harness.tables.cells import NONE
from harness.tables.facts import NULLS, counts
from harness.tables.marks import OUT_OF_MEMORY, is_out_of_memory
from harness.tables.table import Table

MOST_ROWS = 40


def absence_table(rows: pd.DataFrame) -> Table | None:
    """One row per metric and reason, the most frequent first; None where every value is there."""
    good = rows[rows["status"] == "ok"]
    trials: Counter[tuple[str, str]] = Counter()
    for told, count in counts(good[NULLS]):
        for what, why in dict.fromkeys((what, _why(reason)) for what, reason in json.loads(told)):  # once a trial
            trials[what, why] += count
    if not trials:
        return None
    found = [(what, why, f"{count} of {len(good)}") for (what, why), count in trials.most_common()]
    notes = ["No value stands for these: none is 0, and none is estimated."]
    if len(found) > MOST_ROWS:
        notes.append(f"Shown are the {MOST_ROWS} most frequent of {len(found)}; trials.csv holds all.")
    header = ("metric", "why", "trials")
    title = "What could not be measured"
    return Table("absent", title, header, tuple(found[:MOST_ROWS]), tuple(notes), is_numeric=False)


def _why(reason: str | None) -> str:
    """The reason as recorded; the code for memory in words."""
    if reason is None:
        return NONE
    return f"{OUT_OF_MEMORY}: {reason.partition(': ')[2] or reason}" if is_out_of_memory(reason) else reason
