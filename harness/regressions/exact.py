"""What must be the same on both sides: how a trial ended, its removed set, its proof, and every exact metric."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.records import Measurement, Outcome, Proof
from harness.regressions import documents
from harness.regressions.finding import PRESENCE, Finding, Limits, Mark, absent, is_gone, named, nulls
from harness.regressions.pairs import Pair
from harness.repetition.items import outcome
from harness.results import TrialResult
from harness.schema import Json

PROOFS = {"passed": 1, "not_applicable": 0, "failed": -1}
CLASS_WORD = "another machine class"


@dataclass(frozen=True)
class Exact:
    """The exact part of a pair, told one after the other."""

    pair: Pair
    limits: Limits

    def findings(self) -> Iterator[Finding]:
        """The whole trial first; of one that did not end well on both sides nothing else is told."""
        first, second = self.pair.first, self.pair.second
        if first is None or second is None:
            where = "first" if first is None else "second"
            missing = self._told(PRESENCE, "?", note=f"missing on the {where} side")
            yield replace(missing, is_missing=second is None)
        elif (first.result.status, second.result.status) != ("ok", "ok"):
            yield self._ending(first.result, second.result)
        else:
            yield from self._parts(first.result, second.result)

    def _ending(self, first: TrialResult, second: TrialResult) -> Finding:
        shown = (first.status, second.status)
        if first.status == "ok":
            mark: Mark = "-" if second.status == "failed" else "?"
            return self._told(PRESENCE, mark, shown, note=_why(second))
        if second.status == "ok":
            return self._told(PRESENCE, "+" if first.status == "failed" else "?", shown, note=f"before: {_why(first)}")
        return self._told(PRESENCE, "?", shown, note=f"not measured on either side; {_why(second)}")

    def _parts(self, first: TrialResult, second: TrialResult) -> Iterator[Finding]:
        if not first.info.is_baseline and (first.removed or second.removed):
            yield self._removed(first, second)
        if first.proof or second.proof:
            yield self._proof(first.proof, second.proof)
        for key, own in first.measurements.items():
            if own.kind == "exact":
                yield self._metric(own, second.measurements.get(key), first, second)
        for key, other in second.measurements.items():
            if other.kind == "exact" and key not in first.measurements:
                note = absent(other, first, "first")
                yield self._told(named(other), "?", (None, other.value), note=note)

    def _removed(self, first: TrialResult, second: TrialResult) -> Finding:
        shown: tuple[Json, Json] = (" ".join(first.removed), " ".join(second.removed))
        if set(first.removed) == set(second.removed):
            return self._told("removed", "=", shown)
        if self.pair.is_across:
            return self._told("removed", "?", shown, note=f"another set was chosen on {CLASS_WORD}")
        return self._told("removed", "-", shown, note="another set was chosen")

    def _proof(self, first: Proof | None, second: Proof | None) -> Finding:
        if second is None:
            return replace(self._told("proof", "?", note="no proof on the second side"), is_missing=True)
        if first is None:
            return self._told("proof", "?", (None, second.status), note="no proof on the first side")
        moved = PROOFS[second.status] - PROOFS[first.status]
        mark: Mark = "=" if moved == 0 else ("+" if moved > 0 else "-")
        why = second.reason or "" if mark == "-" else ""
        return self._told("proof", mark, (first.status, second.status), note=why)

    def _metric(self, own: Measurement, other: Measurement | None, first: TrialResult, second: TrialResult) -> Finding:
        what = named(own)
        if other is None:
            told = self._told(what, "?", (own.value, None), note=absent(own, second, "second"))
            return replace(told, is_missing=is_gone(own, second))
        shown = (own.value, other.value)
        if own.value is None or other.value is None:
            return self._told(what, _of_null(own, other), shown, note=nulls(own, other))
        if own.split is not None and _other_data(own.split, first, second):
            return self._told(what, "?", shown, note="the two sides saw other data")
        note = _items(own, first, second)
        moved = other.value - own.value
        allowed = self.limits.tolerance * max(abs(own.value), abs(other.value))
        if self.pair.is_across and own.split is not None and 0 < abs(moved) <= allowed:
            within = f"within {self.limits.tolerance:.1%}, which {CLASS_WORD} may differ by"
            return self._told(what, "~", shown, own.unit, note="; ".join(filter(None, (within, note))))
        is_better = (moved > 0) == (own.better == "higher")
        mark: Mark = "=" if moved == 0 else ("+" if is_better else "-")
        return self._told(what, mark, shown, own.unit, note=note)

    def _told(
        self, what: str, mark: Mark, shown: tuple[Json, Json] = (None, None), unit: str = "", note: str = ""
    ) -> Finding:
        first, second = shown
        own = self.pair.either.result
        return Finding(
            trial=own.info.id,
            machine_class=own.machine_class,
            what=what,
            kind="exact",
            mark=mark,
            first=first,
            second=second,
            unit=unit,
            change=_share(first, second),
            note=note,
        )


def _share(first: Json, second: Json) -> float | None:
    """By which share of the first value the second is larger; None for what are no numbers, and for a first of 0."""
    if not isinstance(first, float) or not isinstance(second, float) or not first:
        return None
    return second / first - 1


def _why(result: TrialResult) -> str:
    kind = f"{result.failure.kind}: " if result.failure else ""
    return f"{result.status}: {kind}{result.reason or 'no reason'}"


def _of_null(own: Measurement, other: Measurement) -> Mark:
    """A value that is gone because its collector failed is a regression; what a machine cannot measure is unknown."""
    if own.value is not None and other.has_failed:
        return "-"
    return "=" if own.value is None and other.value is None and own.reason == other.reason else "?"


def _other_data(split: str, first: TrialResult, second: TrialResult) -> bool:
    mine, other = first.data.get(split), second.data.get(split)
    return mine is not None and other is not None and mine.sha256 != other.sha256


def _items(own: Measurement, first: TrialResult, second: TrialResult) -> str:
    """How many items came out otherwise, which a share can hide; empty where none did, or nothing is kept of them.

    Of bits per byte also which way they moved: its documents are kept once, as those of perplexity.
    """
    is_text = own.metric == "bits_per_byte"
    told = documents.moved if is_text else _note
    mine, other = (_outcome_of(own, result, "perplexity" if is_text else own.metric) for result in (first, second))
    return told(mine, other) if mine is not None and other is not None else ""


def _note(mine: Outcome, other: Outcome) -> str:
    return outcome(mine, other).note


def _outcome_of(m: Measurement, result: TrialResult, metric: str) -> Outcome | None:
    asked = (metric, m.split, m.at)
    return next((one for one in result.outcomes if (one.metric, one.split, one.at) == asked), None)
