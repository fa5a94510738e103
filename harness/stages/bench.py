"""Opens a bench: the trial's data, architecture and inventory on this machine, before any stage has run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness import models
from harness.artifacts import Artifacts, Maker
from harness.datasets.base import datasets
from harness.device import pieces
from harness.inventory import kept_inventory
from harness.jobs import Assignment, Job
from harness.plugins import load_plugins
from harness.records import Environment
from harness.stages.base import Bench
from harness.staging import staged
from harness.tasks.catalogue import task_called
from harness.transforms.base import chain_of
from harness.trials import TrialSpec


def bench_of(
    job: Job, assignment: Assignment, environment: Environment, run_id: str, progress: Callable[[str, str], None]
) -> Bench:
    """All that the stages of a trial share."""
    load_plugins([Path(path) for path in job.plugins])
    spec = TrialSpec.model_validate(assignment.trial.spec)
    paths = {label: Path(place) for label, place in job.paths.items()}
    dataset = datasets.create(spec.data, "data")
    description = dataset.describe(paths)
    task = task_called(description.task)
    task_options = task.model_options(description)
    shell = models.create(spec.architecture, spec.options, task_options)
    config = task.input_config(shell)
    near = paths
    if job.stage_data:
        near = staged(dataset, paths, lambda note: progress("prepare", note), job.chain or job.id)
    results = Path(job.results)
    first, *others = pieces(environment.device if job.sharded else job.device)
    return Bench(
        job=job,
        assignment=assignment,
        spec=spec,
        task=task,
        task_options=task_options,
        config=config,
        data=dataset.load(near, config, job.workers),
        inventory=kept_inventory(
            results / "artifacts" / "inventory", spec.architecture, spec.options, task_options, task=task.name
        ),
        shell=shell,
        artifacts=Artifacts(results),
        maker=Maker(assignment.trial.id, run_id, environment.machine_class, environment.software_class),
        device=first if job.sharded else environment.device,
        devices=(first,) if job.sharded else (environment.device, *others),
        shards=(first, *others) if job.sharded else (),
        threads=environment.threads,
        progress=progress,
        transforms=chain_of(spec.transforms),
    )
