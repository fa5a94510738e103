"""One trial on this machine: its stages in order, then its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from harness import device as devices
from harness import models
from harness.artifacts import Artifacts, Maker
from harness.collectors.base import CostCollector, OutcomeCollector, collectors
from harness.datasets.base import datasets
from harness.environment import environment_of
from harness.failures import failure_of
from harness.inventory import kept_inventory
from harness.jobs import Assignment, Job
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
from harness.stages.base import Bench, Network, Removed, StageTimes
from harness.stages.cost import cost
from harness.stages.evaluate import evaluate
from harness.stages.measured import answers
from harness.stages.prepare import prepare
from harness.stages.recover import ProofError, proved, recover, without
from harness.stages.select import select
from harness.surgery import recipe_of
from harness.tasks.catalogue import task_called
from harness.trials import TrialSpec

Progress = Callable[[str, str], None]


@dataclass
class Findings:
    """What a run has found so far; a failure keeps what was found before it."""

    run_id: str
    started: str
    environment: Environment | None = None
    times: StageTimes = field(default_factory=StageTimes)
    data: dict[str, PartInfo] = field(default_factory=dict)
    removed: Removed = field(default_factory=Removed)
    selection: SelectionInfo | None = None
    proof: Proof | None = None
    measurements: list[Measurement] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)


def run_trial(job: Job, assignment: Assignment, progress: Progress, log: str | None = None) -> Record:
    """Runs what is asked of a trial and gives its record, whatever happens inside."""
    started = time.perf_counter()
    found = Findings(new_run_id(), now())
    failure: Failure | None = None
    try:
        _run_stages(job, assignment, found, progress)
    except ProofError as error:
        found.proof = error.proof
        failure = failure_of(error, found.times.current, log)
    except Exception as error:  # noqa: BLE001  # here a trial's failure becomes a record
        failure = failure_of(error, found.times.current, log)
    found.timings["total_s"] = time.perf_counter() - started
    return _record(job, assignment, found, failure)


def prepare_only(job: Job, assignment: Assignment, progress: Progress) -> None:
    """Makes the first stage of a trial ahead of its turn; a failure is left to the trial to meet and record."""
    prepare(_bench(job, assignment, _environment(job), new_run_id(), progress))


def _environment(job: Job) -> Environment:
    return environment_of(devices.resolve(job.device), torch.get_num_threads())


def _bench(job: Job, assignment: Assignment, environment: Environment, run_id: str, progress: Progress) -> Bench:
    spec = TrialSpec.model_validate(assignment.trial.spec)
    paths = {label: Path(place) for label, place in job.paths.items()}
    dataset = datasets.create(spec.data, "data")
    description = dataset.describe(paths)
    task = task_called(description.task)
    task_options = task.model_options(description)
    shell = models.create(spec.architecture, spec.options, task_options)
    config = task.input_config(shell)
    results = Path(job.results)
    return Bench(
        job=job,
        assignment=assignment,
        spec=spec,
        task=task,
        task_options=task_options,
        config=config,
        data=dataset.load(paths, config, job.workers),
        inventory=kept_inventory(results / "artifacts" / "inventory", spec.architecture, spec.options, task_options),
        shell=shell,
        artifacts=Artifacts(results),
        maker=Maker(assignment.trial.id, run_id, environment.machine_class, environment.software_class),
        device=environment.device,
        threads=environment.threads,
        progress=progress,
    )


def _run_stages(job: Job, assignment: Assignment, found: Findings, progress: Progress) -> None:
    times = found.times
    found.environment = environment = _environment(job)
    with times.timing("prepare", progress) as used:
        bench = _bench(job, assignment, environment, found.run_id, progress)
        found.data = bench.data.info()
        prepared, artifact, reused = prepare(bench)
        used.append((artifact, reused))
    if bench.spec.count is not None:
        with times.timing("select", progress) as used:
            found.removed, found.selection, artifact, reused = select(bench, prepared)
            used.append((artifact, reused))
    with times.timing("recover", progress) as used:
        candidate = without(bench, prepared, found.removed)
        found.proof = proved(bench, prepared, candidate, found.removed)
        recovered, made, reused = recover(bench, prepared, candidate, found.removed)
        used += [(made, reused)] if made else []
    _measure(bench, prepared, recovered, found)


def _measure(bench: Bench, prepared: Network, recovered: Network, found: Findings) -> None:
    """The last two stages, as far as they are asked for."""
    times, progress, job, assignment = found.times, bench.progress, bench.job, bench.assignment
    asked = frozenset(a.key for a in assignment.asked)
    wanted = [c for c in (collectors.create(identity) for identity in job.collectors) if answers(c, asked)]
    outcome_collectors = [c for c in wanted if isinstance(c, OutcomeCollector)]
    if outcome_collectors:
        with times.timing("evaluate", progress) as used:
            measured, artifacts = evaluate(bench, recovered, outcome_collectors)
            found.measurements += measured.measurements
            found.outcomes += measured.outcomes
            used += artifacts
    cost_collectors = [c for c in wanted if isinstance(c, CostCollector)]
    if cost_collectors:
        with times.timing("cost", progress) as used:
            costs, artifacts = cost(bench, recovered.net, prepared.net, found.removed, cost_collectors)
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
        data=found.data,
        environment=found.environment,
        timings=found.timings,
        warnings=_warnings(found),
    )


def _warnings(found: Findings) -> tuple[Warned, ...]:
    return tuple(
        Warned(code=f"measurement_{m.metric}", message=text) for m in found.measurements for text in m.warnings
    )
