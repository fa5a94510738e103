"""Is everything here that a record's trial needs: names, plug-ins, weights, a device?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.criteria.base import criteria
from harness.datasets.base import datasets
from harness.errors import DataError, DeviceError, HarnessError, Problem, SpecError, StoreError
from harness.models import check_architecture, file_sha256
from harness.numerics import fault
from harness.place import Orders, Place, place_of
from harness.records import Record
from harness.recoveries.base import recoveries
from harness.registry import Registry
from harness.schema import LABEL, Options, Plugin, digest, problems_of
from harness.searches.base import searches
from harness.site import Site
from harness.store import Store
from harness.transforms.base import transforms
from harness.trials import TrialSpec

MOST_CHARACTERS = 240  # of a trial's id, which names folders and logs


def check_folder(record: Record, results: Path) -> None:
    """Raises for names that could lead out of the results, and for results that hold artifacts to be reused."""
    trial = record.trial
    Store(results).folder(trial.study)
    if not re.fullmatch(LABEL, trial.id) or len(trial.id) > MOST_CHARACTERS:
        raise SpecError(Problem("trial.id", f"{trial.id[:80]!r} cannot be the name of a folder"))
    if record.status == "skipped":
        raise StoreError(f"{trial.id}: was skipped ({record.reason or 'no reason is known'}), so there is no run of it")
    if results.exists() and (not results.is_dir() or any(results.iterdir())):
        raise StoreError(f"{results}: is there already, and not empty; a trial is run again in a folder of its own")


def spec_of(record: Record) -> TrialSpec:
    """What the trial is; raises SpecError where this harness reads something else into it than its maker did."""
    try:
        spec = TrialSpec.model_validate(record.trial.spec)
    except ValidationError as error:
        raise SpecError(problems_of(error, TrialSpec, "trial.spec")) from None
    found = digest(spec.identity())
    if found != record.trial.digest or not record.trial.id.endswith(f"-{found}"):
        message = f"describes a trial with the digest {found}, and the record is of {record.trial.digest}"
        raise SpecError(Problem("trial.spec", f"{message}; it was changed, or another version of harness reads it"))
    return spec


def place_for(record: Record, spec: TrialSpec, site: Site, asked: str | None) -> Place:
    """Where it will run: on the kind of device of the record where nobody says otherwise."""
    kind = record.environment.device.partition(":")[0] if record.environment else None
    device = asked or (kind if site.device == "auto" else None)
    try:
        place = place_of(site, Orders(device=device))
    except DeviceError:
        if asked or device is None:
            raise
        message = "the record was made on a GPU, and this machine has none that is usable"
        raise DeviceError(f"{message}; --device cpu runs it on the CPU, where numbers may differ") from None
    reason = fault(spec.runs_in(), place.device) or _amp_fault(spec, place.device)
    if reason:
        raise DeviceError(f"{record.trial.id}: {reason}")
    return place


def _amp_fault(spec: TrialSpec, device: str) -> str | None:
    trained = (spec.weights.get("train"), spec.recovery)
    uses = any(isinstance(one, dict) and one.get("amp") for one in trained)
    return "it trains with amp, which needs a GPU, and this would run on the CPU" if uses and device == "cpu" else None


def _parts(spec: TrialSpec) -> Iterator[tuple[str, Registry[Plugin], Options]]:
    """The plug-ins of a trial: where each stands in its spec, its registry, and its identity."""
    kinds: tuple[tuple[str, Registry[Any], Options | None], ...] = (
        ("data", datasets, spec.data),
        ("criterion", criteria, spec.criterion),
        ("search", searches, spec.search),
        ("recovery", recoveries, spec.recovery),
        *(("transforms", transforms, {k: v for k, v in one.items() if k != "from"}) for one in spec.transforms),
    )
    yield from ((where, registry, identity) for where, registry, identity in kinds if identity is not None)


def check_parts(spec: TrialSpec) -> None:
    """Raises with every plug-in and architecture that is not known here, or not as it was."""
    problems = [*_unknown_parts(spec), *_attempt(lambda: check_architecture(spec.architecture, spec.options, "model"))]
    if problems:
        raise SpecError(problems)


def _unknown_parts(spec: TrialSpec) -> Iterator[Problem]:
    for where, registry, identity in _parts(spec):
        for problem in registry.problems(identity, f"trial.spec.{where}"):
            code = identity.get("code")
            hint = (
                f"; it is from a user's own file whose SHA-256 begins {code}: --plugins FILE names it" if code else ""
            )
            yield Problem(problem.where, problem.message + hint)


def revised(spec: TrialSpec) -> Iterator[str]:
    """Says which plug-ins whose numbers were changed on purpose since."""
    for where, registry, identity in _parts(spec):
        then, now = identity.get("revision", 1), registry.create(identity).revision
        if then != now:
            yield f"{where} {identity['name']!r} was at revision {then} and is at {now} here, so its numbers differ"


def _attempt(check: Callable[[], None]) -> tuple[Problem, ...]:
    try:
        check()
    except HarnessError as error:
        return error.problems
    return ()


def weights_files(spec: TrialSpec, given: Path | None) -> dict[str, str]:
    """The weights file by its SHA-256, where the trial has one."""
    wanted = spec.weights.get("file")
    if wanted is None:
        if given is not None:
            raise SpecError("--weights: the weights of this trial are no file; leave it out")
        return {}
    if given is None:
        raise SpecError(f"the weights of this trial are a file with SHA-256 {wanted}: --weights FILE names it")
    try:
        found = file_sha256(given)
    except DataError as error:
        raise DataError(f"--weights {error}") from None
    if found != wanted:
        raise DataError(f"--weights {given.name}: its SHA-256 is {found}, and the trial's weights are {wanted}")
    return {found: str(given.resolve())}
