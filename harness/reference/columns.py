"""`reference/columns.md`: the columns of the trials table, and the metrics that are measured."""

from __future__ import annotations

from harness.collectors.metrics import METRICS
from harness.reference.prose import page, sentence, table
from harness.tables.columns import BESIDE, DERIVED, FIXED, Column

HEAD = """One row of `trials.csv` and of `harness.load_records(...).frame()` is one trial on one machine class. Values
are base units (s, B, J, shares); a column's first condition takes the bare name of its metric, others are spelled out:
`latency_s@batch=1`, `top1@dtype=bf16`. Each report holds the dictionary of its own columns."""
METRIC = """What collectors answer with. `top1` is of the test part, `top1_validation` of the validation part; what
cannot be measured is empty, with its reason beside it."""
BEHIND = "Behind every measured column stand, where they apply, the same name with one of these words:"


def columns() -> str:
    """The whole page."""
    metrics = [(f"`{name}`", unit, better) for name, (unit, better) in METRICS.items()]
    beside = [(f"`…_{word}`", sentence(text.format("the metric"))) for word, text in BESIDE.items()]
    return page(
        "Columns and metrics",
        HEAD,
        "## What a trial is",
        _described(FIXED),
        "## Measured",
        METRIC,
        table(("metric", "unit", "better"), metrics),
        BEHIND,
        table(("column", "meaning"), beside),
        "## Computed when read",
        _described(DERIVED),
    )


def _described(found: tuple[Column, ...]) -> str:
    return table(("column", "unit", "meaning"), [(f"`{one.name}`", one.unit, sentence(one.meaning)) for one in found])
