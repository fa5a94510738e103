"""One trial on this machine: its stages in order, then its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import torch

from harness import device as devices
from harness.collectors.base import (
    Collector,
    CostCollector,
    ExamCollector,
    OutcomeCollector,
    SelectionCollector,
    collectors,
)
from harness.datasets.base import Data
from harness.environment import environment_of
from harness.errors import DeviceError
from harness.failures import failure_of
from harness.jobs import Assignment, Job
from harness.models import libraries
from harness.numerics import fault
from harness.questions import Scene, answers
from harness.records import (
    Environment,
    Failure,
    Measurement,
    Outcome,
    PartInfo,
    Proof,
    Record,
    Run,
    SelectionInfo,
    Warned,
)
from harness.runs import new_run_id, now
from harness.stages.assure import assure
from harness.stages.base import Bench, Network, Removed, StageTimes, transformed
from harness.stages.bench import bench_of
from harness.stages.cost import cost
from harness.stages.errands import Alone
from harness.stages.evaluate import evaluate
from harness.stages.examine import examine
from harness.stages.joining import Joined, Lent
from harness.stages.prepare import prepare
from harness.stages.recover import ProofError, proved, recover, without
from harness.stages.select import select
from harness.surgery import recipe_of
from harness.training.circle import device_of
from harness.training.team import Team
from harness.trials import TrialSpec

Progress = Callable[[str, str], None]


@dataclass
class Findings:
    """What a run has found so far; a failure keeps what was found before it."""

    run_id: str
    started: str
    environment: Environment | None = None
    times: StageTimes = field(default_factory=StageTimes)
    parts: Data | None = None
    removed: Removed = field(default_factory=Removed)
    selection: SelectionInfo | None = None
    proof: Proof | None = None
    measurements: list[Measurement] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Company:
    """The processes beside a trial's own: one that measures alone, and those that train together."""

    alone: Alone | None = None
    team: Team | None = None

    def at(self, bench: Bench) -> Bench:
        """The bench with them; a follower's has the leader's artifacts."""
        bench = replace(bench, alone=self.alone, team=self.team)
        if self.team is None or self.team.leads or self.team.call is None:
            return bench
        return replace(bench, artifacts=Lent(bench.artifacts.root.parent, self.team.call))


UNAIDED = Company()


def run_trial(
    job: Job,
    assignment: Assignment,
    progress: Progress,
    log: str | None = None,
    company: Company = UNAIDED,
) -> Record:
    """Runs what is asked of a trial and gives its record, whatever happens inside."""
    started = time.perf_counter()
    found = Findings(new_run_id(), now())
    failure: Failure | None = None
    try:
        _run_stages(job, assignment, found, progress, company)
    except ProofError as error:
        found.proof = error.proof
        failure = failure_of(error, found.times.current, log)
    except Exception as error:  # noqa: BLE001  # here a trial's failure becomes a record
        failure = failure_of(error, found.times.current, log)
    found.timings["total_s"] = time.perf_counter() - started
    return _record(job, assignment, found, failure)


def join_trial(
    job: Job, assignment: Assignment, progress: Progress, team: Team, log: str | None = None
) -> Failure | None:
    """Goes the leader's way to each of its trainings and trains along; why it could not, where it could not."""
    found = Findings(new_run_id(), now())
    own = job.model_copy(update={"device": device_of(job.device, team.board.member.local)})
    try:
        while team.is_called():
            with suppress(Joined):
                _run_stages(own, assignment, found, progress, Company(team=team))
    except Exception as error:  # noqa: BLE001  # here a follower's failure becomes that of the leader's trial
        return failure_of(error, found.times.current, log)
    return None


def prepare_only(job: Job, assignment: Assignment, progress: Progress) -> None:
    """Makes the first stage of a trial ahead of its turn; a failure is left to the trial to meet and record."""
    prepare(bench_of(job, assignment, _environment(job, assignment), new_run_id(), progress))


def _environment(job: Job, assignment: Assignment) -> Environment:
    own = libraries(str(assignment.trial.spec["architecture"]))
    return environment_of(devices.resolve(job.device, is_one=job.sharded), torch.get_num_threads(), own)


def _run_stages(job: Job, assignment: Assignment, found: Findings, progress: Progress, company: Company) -> None:
    times = found.times
    found.environment = environment = _environment(job, assignment)
    if not {"evaluate", "cost"}.isdisjoint(job.stages):  # no earlier stage runs in the trial's own runtime
        reason = fault(TrialSpec.model_validate(assignment.trial.spec).runs_in(), environment.device)
        if reason:
            raise DeviceError(reason)
    with times.timing("prepare", progress) as used:
        bench = company.at(bench_of(job, assignment, environment, found.run_id, progress))
        found.parts = bench.data
        prepared, artifact, reused = prepare(bench)
        used.append((artifact, reused))
    if _ends_with(job, "prepare"):
        return
    shown = transformed(bench, prepared, "prepare", "select")
    if bench.spec.removes:
        with times.timing("select", progress) as used:
            found.removed, found.selection, artifact, reused = select(bench, shown)
            used.append((artifact, reused))
    if _ends_with(job, "select"):
        return
    with times.timing("recover", progress) as used:
        plain = without(bench, prepared, found.removed)
        found.proof = proved(bench, prepared, plain, found.removed)
        candidate = transformed(bench, Network(plain, prepared.content), "prepare", "select", "recover").net
        whole = transformed(bench, prepared, "prepare", "select", "recover")
        recovered, made, reused = recover(bench, whole, candidate, found.removed)
        used += [(made, reused)] if made else []
    if _ends_with(job, "recover"):
        return
    _assure(bench, shown, found)
    _measure(bench, whole, recovered, found)


def _ends_with(job: Job, stage: str) -> bool:
    """Whether what comes after this stage is for a later job."""
    return job.stages[-1] == stage


def _assure(bench: Bench, shown: Network, found: Findings) -> None:
    """How good and how sure the selection is, where that is asked for."""
    wanted = [c for c in _wanted(bench) if isinstance(c, SelectionCollector)]
    if not wanted:
        return
    with found.times.timing("assure", bench.progress) as used:
        found_answers, details, artifacts = assure(bench, shown, found.removed, wanted)
        found.measurements += found_answers
        used += artifacts
        if found.selection is not None:
            found.selection = found.selection.model_copy(update=details)


def _wanted(bench: Bench) -> list[Collector]:
    """The collectors that answer anything that is still to be measured."""
    scene = Scene(not bench.spec.removes, bench.spec.runs_in(), bench.data.description.test_sets)
    created = (collectors.create(identity) for identity in bench.job.collectors)
    return [c for c in created if answers(c, scene, bench.assignment.asked)]


def _measure(bench: Bench, whole: Network, recovered: Network, found: Findings) -> None:
    """The last two stages, as far as they are asked for."""
    times, progress = found.times, bench.progress
    wanted = _wanted(bench)
    shown = transformed(bench, recovered, "evaluate")
    outcome_collectors = [c for c in wanted if isinstance(c, OutcomeCollector)]
    exams = [c for c in wanted if isinstance(c, ExamCollector)]
    if outcome_collectors or exams:
        with times.timing("evaluate", progress) as used:
            measured, artifacts = evaluate(bench, shown, outcome_collectors)
            found.measurements += measured.measurements
            found.outcomes += measured.outcomes
            answered, others = examine(bench, shown, exams)
            found.measurements += answered.measurements
            found.outcomes += answered.outcomes
            used += [*artifacts, *others]
    cost_collectors = [c for c in wanted if isinstance(c, CostCollector)]
    if cost_collectors and not _ends_with(bench.job, "evaluate"):
        with times.timing("cost", progress) as used:
            candidate = transformed(bench, shown, "cost")
            baseline = transformed(bench, whole, "evaluate", "cost").net
            costs, artifacts = cost(bench, candidate, baseline, found.removed, cost_collectors)
            found.measurements += costs
            used += artifacts


def _record(job: Job, assignment: Assignment, found: Findings, failure: Failure | None) -> Record:
    return Record(
        status="ok" if failure is None else "failed",
        reason=None if failure is None else failure.message,
        trial=assignment.trial,
        run=Run(
            id=found.run_id,
            attempt=assignment.attempt,
            started=found.started,
            finished=now(),
            executor=job.executor,
            limited=job.limited,
            asked=assignment.asked,
            stages=found.times.runs,
        ),
        failure=failure,
        removed=found.removed.names,
        recipe=recipe_of(found.removed.sublayers),
        selection=found.selection,
        measurements=tuple(found.measurements),
        outcomes=tuple(found.outcomes),
        proof=found.proof,
        data=_used(found),
        environment=found.environment,
        timings=found.timings,
        warnings=_warnings(found),
    )


def _used(found: Findings) -> dict[str, PartInfo]:
    """Fingerprints as far as the run came; a part that it never read need not be known."""
    return found.parts.used() if found.parts else {}


def _warnings(found: Findings) -> tuple[Warned, ...]:
    return tuple(
        Warned(code=f"measurement_{m.metric}", message=text) for m in found.measurements for text in m.warnings
    )
