"""Does what was removed fit what was asked, chosen and proved?"""

from __future__ import annotations

from collections.abc import Iterator

from harness.records import Measurement, Proof, Record

COUNTED = ("macs", "params")


def of_removal(record: Record) -> Iterator[str]:
    """What in the removed set contradicts the trial, the recipe or the selection."""
    trial, removed = record.trial, record.removed
    if len(set(removed)) < len(removed):
        yield "removed names a sublayer twice"
    places = sum(map(len, record.recipe.values()))  # fewer where a block has several of a kind
    if places > len(removed) or bool(places) != bool(removed):
        yield f"recipe and removed do not agree: {places} places, {len(removed)} sublayers"
    if trial.is_baseline and removed:
        yield "a baseline with something removed"
    elif not trial.is_baseline and record.status == "ok":
        yield from _of_count(record, trial.count)


def _of_count(record: Record, count: int | None) -> Iterator[str]:
    """A set of another size than asked for, and one that is not what the selection begins with."""
    trial, removed, selection = record.trial, record.removed, record.selection
    if selection is None:
        yield "removes something, and holds no selection"
    if count is None:  # of a budget, which the selection found
        return
    is_single = trial.target != "block"  # a block is several sublayers
    if len(removed) != count if is_single else len(removed) < count:
        yield f"{len(removed)} sublayers went, and the trial removes {count} of {trial.of} ({trial.target})"
    order = selection.order if selection is not None and selection.nested and is_single else None
    if order is not None and set(order[:count]) != set(removed):
        yield f"removed are not the first {count} of the selection's order"


def of_proof(record: Record) -> Iterator[str]:
    """What a proof does not bear out: its own numbers, and those that were measured."""
    proof = record.proof
    if proof is None:
        if record.status == "ok" and not record.trial.is_baseline:
            yield "removes something, and holds no proof"
        return
    if proof.status == "failed" and record.status == "ok":
        yield "its proof failed, and its run did not"
    if proof.status != "passed":
        return
    yield from _unproved(proof)
    if not record.trial.spec.get("transforms"):  # else the transformed network is counted, and the plain one proved
        yield from _otherwise_counted(record, proof)


def _otherwise_counted(record: Record, proof: Proof) -> Iterator[str]:
    for metric in COUNTED:
        found = getattr(proof, f"{metric}_found")
        for m in record.measurements:
            if m.metric == metric and not m.at and None not in (m.value, found) and m.value != found:
                yield f"{metric} is {m.value:,.0f}, and the proof found {found:,}"


def of_counts(record: Record) -> Iterator[str]:
    """FLOPs that are not twice the MACs of the same conditions."""
    macs = {str(m.at): m.value for m in _valued(record, "macs")}
    for m in _valued(record, "flops"):
        other = macs.get(str(m.at))
        if other is not None and m.value != 2 * other:
            yield f"flops is {m.value:,.0f}, and twice the MACs are {2 * other:,.0f}"


def _unproved(proof: Proof) -> Iterator[str]:
    for what in COUNTED:
        expected, found = getattr(proof, f"{what}_expected"), getattr(proof, f"{what}_found")
        if expected != found:
            yield f"proof passed with {found} {what} where {expected} were expected"
    difference, tolerance = proof.max_abs_difference, proof.tolerance
    if difference is None or tolerance is None or difference > tolerance:
        yield f"proof passed with a difference of {difference}, tolerated {tolerance}"


def _valued(record: Record, metric: str) -> Iterator[Measurement]:
    return (m for m in record.measurements if m.metric == metric and m.value is not None)
