"""How long one step takes, structure by structure: percentiles, with the cold first call apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import quantiles

import pandas as pd

from harness.records import Measurement
from harness.results import TrialResult
from harness.stats import Interval, median_interval
from harness.tables.cells import NONE, Scale, between, scale, significant
from harness.tables.derived import FEWEST_PAIRS
from harness.tables.facts import OWN_LATENCIES
from harness.tables.marks import MARKS, MEANINGS
from harness.tables.table import Table

METRIC = "latency_s"
PERCENTILES = (90, 95, 99)
MOST_ROWS = 40
TAILS = tuple(f"p{cut}" for cut in PERCENTILES)
HEADER = ("trial", "conditions", "p50", "95 % interval", *TAILS, "samples", "cold first call")


def timed_first(rows: pd.DataFrame) -> tuple[tuple[str, ...], int]:
    """The trials that the table shows, of those that were timed themselves, and how many timings there are in all."""
    own = rows[(rows["status"] == "ok") & (rows[OWN_LATENCIES] > 0)]
    ordered = pd.concat([own[own["baseline"].isna()], own[own["baseline"].notna()]])
    before = ordered[OWN_LATENCIES].cumsum() - ordered[OWN_LATENCIES]
    return tuple(dict.fromkeys(ordered["id"][before < MOST_ROWS])), int(own[OWN_LATENCIES].sum())


def latency_table(results: Iterable[TrialResult], total: int | None = None) -> Table | None:
    """Structures that were timed themselves, with nothing removed first; None where none was.

    `total` is how many there are, where these are not all; only the first have a row.
    """
    found = [(result, m) for result in results if result.status == "ok" for m in _timed(result)]
    if not found:
        return None
    found.sort(key=lambda pair: not pair[0].info.is_baseline)
    shown = found[:MOST_ROWS]
    by = scale([m.value for _, m in shown if m.value is not None], "s")
    has_device = any(_detail(m, "device_p50") is not None for _, m in shown)
    header = tuple(f"{name} ({by.unit})" if name.startswith(("p", "95", "cold")) else name for name in HEADER)
    rows = tuple((*_row(result, m, by), *([_of_device(m, by)] if has_device else [])) for result, m in shown)
    notes = [
        "Wall-clock time of one step after warm-up, on the trial's own machine; intervals of the median "
        "over the samples of one process. The p99 of fewer than 100 samples lies between the two "
        "largest. The cold first call holds whatever is loaded, tuned or compiled then.",
        *(
            f"{MARKS[word]} {word}: {text}."
            for word, text in MEANINGS.items()
            if any(m.quality == word for _, m in shown)
        ),
    ]
    many = len(found) if total is None else total
    if len(shown) < many:
        notes.append(f"Shown are {len(shown)} of {many} timed structures; the records hold all samples.")
    names = (*header, f"on the device, p50 ({by.unit})") if has_device else header
    return Table("latencies", "Latency by percentile", names, rows, tuple(notes))


def _timed(result: TrialResult) -> Iterator[Measurement]:
    own = (m for m in result.measurements.values() if m.metric == METRIC and m.shared_from is None)
    return (m for m in own if m.value is not None and len(m.samples) > 1)


def _row(result: TrialResult, m: Measurement, by: Scale) -> tuple[str, ...]:
    cuts = quantiles(m.samples, n=100, method="inclusive")
    mark = MARKS.get(m.quality, "")
    conditions = [f"{key} {value}" for key, value in sorted(m.at.items()) if key != "revision"]
    return (
        f"{result.info.id}{mark}",
        ", ".join([result.info.runtime, *conditions]),
        f"{_shown(cuts[49], by)}{mark}",
        _interval(m.samples, by),
        *(_shown(cuts[cut - 1], by) for cut in PERCENTILES),
        str(len(m.samples)),
        _shown(_detail(m, "cold_first_s"), by),
    )


def _interval(samples: Sequence[float], by: Scale) -> str:
    if len(samples) < FEWEST_PAIRS:
        return NONE
    found = median_interval(samples)
    return between(Interval(by.of(found.low), by.of(found.high)), digits=3)


def _of_device(m: Measurement, by: Scale) -> str:
    return _shown(_detail(m, "device_p50"), by)


def _detail(m: Measurement, name: str) -> float | None:
    found = m.details.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _shown(seconds: float | None, by: Scale) -> str:
    return NONE if seconds is None else significant(by.of(seconds))
