"""Is a record of the trial that it names? Its digest, id, axes and classes are made anew from what they follow from."""

from __future__ import annotations

from collections.abc import Iterator

from harness.briefs import moment
from harness.kinds import OF_LANGUAGE_MODELS, class_of_machine, class_of_software
from harness.records import Environment, Record, Run, TrialInfo
from harness.schema import digest
from harness.trials import Labels, trial_info, unremoved, untouched

MALFORMED = (TypeError, AttributeError, KeyError, ValueError, ArithmeticError)


def of_trial(trial: TrialInfo) -> Iterator[str]:
    """What in a trial does not follow from its spec."""
    found = digest(trial.spec)
    if trial.digest != found:
        yield f"trial.digest is {trial.digest}, and that of its spec is {found}"
        return
    labels = Labels(**{name: getattr(trial, name) for name in Labels.model_fields})
    compared = None if trial.baseline is None else (trial.baseline, trial.untouched or "")
    try:
        expected = trial_info(trial.spec, labels, found, compared)
        references = {"baseline": digest(unremoved(trial.spec)), "untouched": digest(untouched(trial.spec))}
    except MALFORMED:
        yield "trial.spec is no trial's: its parts are not of the kind that they must be"
        return
    mine, other = dict(trial), dict(expected)
    unlike = [name for name in mine if name not in ("baseline", "untouched") and mine[name] != other[name]]
    yield from (f"trial.{name} is {mine[name]!r}, and its spec says {other[name]!r}" for name in unlike)
    for name, wanted in references.items():
        named = mine[name]
        if named is not None and not named.endswith(f"-{wanted}"):
            yield f"trial.{name} is {named!r}, and the digest of that trial would be {wanted}"
    if trial.is_baseline == ("criterion" in trial.spec):
        yield "trial.baseline is missing, or given for a trial that is one"


def of_run(record: Record) -> Iterator[str]:
    """What in a run contradicts itself: its times, its status, what it was asked."""
    yield from _times(record.run)
    is_failed, is_skipped = record.status == "failed", record.status == "skipped"
    if is_failed != (record.failure is not None):
        yield f"status is {record.status}, and there is {'a' if record.failure else 'no'} failure"
    if is_skipped and not record.reason:
        yield "was skipped for no reason"
    asked = {one.key for one in record.run.asked}
    keys = [m.key for m in record.measurements]
    yield from (f"{key} was measured, and nobody asked for it" for key in sorted(set(keys) - asked))
    yield from (f"{key} was measured twice" for key in sorted({key for key in keys if keys.count(key) > 1}))


def of_environment(made: Environment | None) -> Iterator[str]:
    """Classes that do not follow from the facts beside them."""
    if made is None:
        return
    machine, software = class_of_machine(made.machine, made.device), class_of_software(made.versions)
    if made.machine_class != machine:
        yield f"environment.machine_class is {made.machine_class}, and that of its machine is {machine}"
    # That of a language model counts transformers, in records of this version and later.
    if made.software_class not in (software, class_of_software(made.versions, OF_LANGUAGE_MODELS)):
        yield f"environment.software_class is {made.software_class}, and that of its versions is {software}"


def _times(run: Run) -> Iterator[str]:
    if moment(run.finished) < moment(run.started):
        yield "run.finished is before run.started"
