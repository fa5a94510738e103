"""Whole results of single trials, read when something asks for more than a row holds: samples, single items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from harness.ledger.planned import Plan
from harness.ledger.rows import labelled
from harness.results import TrialResult, latest
from harness.store import Store

MANY = 200  # trials of which the whole study is read at once


class Shelf:
    """Results by trial; each is fetched once."""

    def __init__(self, fetch: Callable[[Sequence[str]], Iterable[TrialResult]]) -> None:
        self._fetch = fetch
        self._held: dict[str, tuple[TrialResult, ...]] = {}

    def of(self, trials: Iterable[str]) -> tuple[TrialResult, ...]:
        """The results of trials in their order, by machine class within each; one without a record has none."""
        asked = list(dict.fromkeys(trials))
        new = [trial for trial in asked if trial not in self._held]
        self._held |= dict.fromkeys(new, ())
        for trial, found in groupby(self._fetch(new) if new else (), lambda result: result.info.id):
            self._held[trial] = tuple(found)
        return tuple(result for trial in asked for result in self._held[trial])


def of_results(results: Sequence[TrialResult]) -> Shelf:
    """A shelf of what is in memory, in the order of `latest`."""

    def fetch(trials: Sequence[str]) -> Iterable[TrialResult]:
        wanted = set(trials)
        return (result for result in results if result.info.id in wanted)

    return Shelf(fetch)


def on_disk(store: Store, study: str, plan: Plan) -> Shelf:
    """A shelf of what lies in the results folder."""

    def fetch(trials: Sequence[str]) -> Iterable[TrialResult]:
        wanted = set(trials)
        parts = [None] if len(wanted) > MANY else trials
        records = (record for part in parts for record in store.read(study, part).records)
        return (labelled(found, plan) for found in latest(r for r in records if r.trial.id in wanted))

    return Shelf(fetch)
