"""What must come out the same to the bit: data, weights, selection, proof and exact metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.records import Failure, Measurement, PartInfo, Proof, Record, SelectionInfo
from harness.repetition.finding import ENDING, Finding, Verdict, title
from harness.schema import Json
from harness.wording import counted

WEIGHTS = {"prepare": "weights before removal", "recover": "weights after recovery"}  # stages whose content they are


def parts(old: Record, new: Record) -> Iterator[Finding]:
    """Everything but measurements and outcomes, in the order in which a trial makes it."""
    if "failed" in (old.status, new.status):
        yield _ending(old, new)
    yield from _data(old, new)
    yield from _weights(old, new)
    yield from _removed(old, new)
    if old.selection is not None:
        yield from _selection(old.selection, new.selection)
    if old.proof is not None:
        yield _proof(old.proof, new.proof)


def metric(old: Measurement, new: Measurement) -> Finding:
    """An exact measurement: the same value to the bit, or null for the same reason."""
    what = title(old.asked)
    if old.value is None and new.value is None:
        same = old.reason == new.reason
        note = f"null: {old.reason}" if same else f"null for another reason: {old.reason}; here: {new.reason}"
        return Finding(what, "equal" if same else "different", note=note)
    if old.value is None or new.value is None:
        reason = f"null in the record: {old.reason}" if old.value is None else f"null here: {new.reason}"
        return Finding(what, "different", old.value, new.value, reason)
    unequal = differing(old.by_sublayer or {}, new.by_sublayer or {})
    note = f"of single sublayers {unequal}" if unequal else ""
    verdict: Verdict = "equal" if old.value == new.value and not unequal else "different"
    return Finding(what, verdict, old.value, new.value, note, numbers={"difference": new.value - old.value})


def differing(old: Mapping[str, float], new: Mapping[str, float]) -> str:
    """How many of named numbers differ, and by how much at most; empty where all are the same to the bit."""
    names = old.keys() | new.keys()
    shared = [abs(new[name] - old[name]) for name in old.keys() & new.keys()]
    unequal = sum(gap > 0 for gap in shared) + len(names) - len(shared)
    if not unequal:
        return ""
    only = f", {len(names) - len(shared)} on one side only" if len(names) > len(shared) else ""
    return f"{unequal} of {len(names)} differ, by {max(shared, default=0.0):.3g} at most{only}"


def _ending(old: Record, new: Record) -> Finding:
    """How the two runs ended: a failure is repeated by one of the same class and message."""
    same = old.status == new.status and _reason(old.failure) == _reason(new.failure)
    return Finding(ENDING, "equal" if same else "different", _ended(old), _ended(new))


def _reason(failure: Failure | None) -> tuple[str, str] | None:
    return None if failure is None else (failure.kind, failure.message)


def _ended(record: Record) -> str:
    if record.failure is None:
        return record.status
    stage = f" in {record.failure.stage}" if record.failure.stage else ""
    return f"{record.status}{stage} ({record.failure.kind}): {record.failure.message}"


def _data(old: Record, new: Record) -> Iterator[Finding]:
    for name, part in old.data.items():
        other = new.data.get(name)
        if other is None:
            yield Finding(f"data {name}", "not compared", counted(part.items, "item"), None, _never(new))
            continue
        mine, theirs = part.model_dump(), other.model_dump()
        unequal = [key for key in mine if mine[key] != theirs[key]]
        note = f"{', '.join(unequal)} differ" if unequal else ""
        shown = (_part(part), _part(other))
        both: dict[str, Json] = {key: [mine[key], theirs[key]] for key in unequal}
        yield Finding(f"data {name}", "different" if unequal else "equal", *shown, note, numbers=both)


def _part(part: PartInfo) -> str:
    return f"{counted(part.items, 'item')}, {part.sha256[:8]}"


def _weights(old: Record, new: Record) -> Iterator[Finding]:
    trained = ["prepare"] + (["recover"] if old.trial.spec.get("recovery") is not None else [])
    for stage in (name for name in trained if name in old.run.stages):
        mine, other = old.run.stages[stage].content, new.run.stages.get(stage)
        if other is None:
            yield Finding(WEIGHTS[stage], "not compared", mine, None, _never(new))
        else:
            yield Finding(WEIGHTS[stage], "equal" if mine == other.content else "different", mine, other.content)


def _removed(old: Record, new: Record) -> Iterator[Finding]:
    if old.trial.is_baseline or not old.removed:
        return
    if not new.removed:
        yield Finding("removed", "not compared", [*old.removed], None, _never(new))
        return
    same = (old.removed, old.recipe) == (new.removed, new.recipe)
    yield Finding("removed", "equal" if same else "different", [*old.removed], [*new.removed])


def _selection(old: SelectionInfo, new: SelectionInfo | None) -> Iterator[Finding]:
    if new is None:
        yield Finding("selection", "not compared", note="the run here ended before it")
        return
    if old.scores or new.scores:
        unequal = differing(old.scores, new.scores)
        shown = (counted(len(old.scores), "score"), counted(len(new.scores), "score"))
        yield Finding("selection scores", "different" if unequal else "equal", *shown, unequal)
    mine, other = _settled(old), _settled(new)
    names = [name for name in mine if mine[name] != other[name]]
    note = f"{', '.join(names)} differ" if names else ""
    both: dict[str, Json] = {name: [mine[name], other[name]] for name in names}
    yield Finding("selection", "different" if names else "equal", old.search, new.search, note, numbers=both)


def _settled(selection: SelectionInfo) -> dict[str, Json]:
    """What of a selection is exact, less its scores: what a set saves of the latency was measured."""
    found: dict[str, Json] = selection.model_dump(mode="json", exclude={"scores"})
    budget = selection.budget or {}
    return found | {"budget": {k: v for k, v in budget.items() if k != "saved"}} if "latency" in budget else found


def _proof(old: Proof, new: Proof | None) -> Finding:
    if new is None:
        return Finding("proof", "not compared", old.status, None, "the run here ended before it")
    mine, other = old.model_dump(mode="json"), new.model_dump(mode="json")
    names = [name for name in mine if mine[name] != other[name]]
    note = "; ".join(f"{name}: {mine[name]}, here {other[name]}" for name in names)
    both: dict[str, Json] = {name: [mine[name], other[name]] for name in names}
    return Finding("proof", "different" if names else "equal", old.status, new.status, note, numbers=both)


def _never(new: Record) -> str:
    return "the run here ended before it" if new.status == "failed" else "there is none here"
