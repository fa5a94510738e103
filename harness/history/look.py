"""Reads a study's history: records gathered, series made, steps found."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UnknownNameError, unknown
from harness.history.commits import line_of
from harness.history.findings import steps_of
from harness.history.gathered import gathered
from harness.history.series import accumulated, metrics_of
from harness.history.words import History
from harness.store import Store


def history_of(store: Store, study: str, repository: Path, metric: str | None = None) -> History:
    """The history as far as records and the repository tell; raises UnknownNameError for a metric that is in none."""
    found = gathered(store, study)
    if metric is not None and found.records and metric not in (known := metrics_of(found.records)):
        raise UnknownNameError(unknown("metric", metric, known, "--metric"))
    line = line_of(repository)
    held = accumulated(found.records, line, metric)
    steps = tuple(step for series in held.series for step in steps_of(series, line))
    return History(study, held, steps, found.sources, found.refused)
