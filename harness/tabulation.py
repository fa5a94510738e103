"""The tables of a study's models, one for each model, target and form of removal; and selections to score with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from harness import device as devices
from harness.checks import DRAWS
from harness.criteria.base import Criterion
from harness.environment import environment_of
from harness.jobs import Assignment, Job
from harness.models import libraries
from harness.place import Place
from harness.plan import Plan
from harness.plugins import blamed
from harness.records import TrialInfo
from harness.runs import new_run_id
from harness.schema import canonical
from harness.searches.base import Search
from harness.stages.base import Bench, Network, transformed
from harness.stages.bench import bench_of
from harness.stages.prepare import prepare
from harness.stages.scoring import BEFORE, scoring_of
from harness.stages.table import table
from harness.tabular import Table
from harness.transforms.base import chain_of
from harness.trials import TrialSpec, untouched

Sets = dict[int, tuple[str, ...]]


@dataclass(frozen=True)
class Tabulated:
    """A table with the network that it is of."""

    name: str
    table: Table
    is_reused: bool
    bench: Bench
    network: Network

    def selections(self, criterion: Criterion, search: Search) -> list[Sets]:
        """The sets that a criterion chooses by a search, by count; of a random one those of each draw."""
        with blamed(criterion, search):
            return [
                search.select(criterion, scoring_of(bench, self.network, criterion)).sets
                for bench in self._draws(criterion)
            ]

    def _draws(self, criterion: Criterion) -> Iterator[Bench]:
        for draw in range(DRAWS) if criterion.is_random else (None,):
            seed = self.bench.spec.selection_seed or 0 if criterion.is_random else None
            spec = self.bench.spec.model_copy(update={"draw": draw, "selection_seed": seed})
            yield replace(self.bench, spec=spec)


def tabulated(
    plan: Plan, place: Place, results: Path, up_to: int | None, progress: Callable[[str, str], None]
) -> Iterator[Tabulated]:
    """The study's tables, made where they are not kept; `up_to` is the size of the largest sets, None all sets."""
    job = Job(
        id=new_run_id(),
        study=plan.study.study,
        results=str(results.resolve()),
        assignments=(),
        collectors=(),
        device=place.device,
        sharded=place.site.sharded,
        paths=place.site.paths,
        files=plan.files,
        plugins=plan.plugins,
        workers=place.site.workers,
        submitted=time.time(),
    )
    device, threads = devices.resolve(job.device, is_one=job.sharded), torch.get_num_threads()
    for name, trial in _subjects(plan).items():
        environment = environment_of(device, threads, libraries(str(trial.spec["architecture"])))
        bench = bench_of(job, Assignment(trial=trial, asked=()), environment, job.id, progress)
        prepared, _, _ = prepare(bench)
        network = transformed(bench, prepared, "select")
        found, _, is_reused = table(bench, network, up_to)
        yield Tabulated(name, found, is_reused, bench, network)


def _subjects(plan: Plan) -> dict[str, TrialInfo]:
    """One trial for each table, under the name of its file: all that is asked of it is what a table depends on."""
    found: dict[str, tuple[str, TrialInfo]] = {}
    for trial in plan.trials:
        spec = TrialSpec.model_validate(trial.spec)
        if not spec.removes:
            continue
        before = [[stage, plugin.identity()] for stage, plugin in chain_of(spec.transforms) if stage in BEFORE]
        bare = untouched(spec.model_copy(update={"transforms": ()}).identity())
        key = canonical([bare, spec.target, spec.removal, before])
        name = "-".join([*_words(trial, spec), *([trial.transform] if before else [])])
        found.setdefault(key, (name, trial))
    return dict(found.values())


def _words(trial: TrialInfo, spec: TrialSpec) -> Iterator[str]:
    yield trial.model
    if spec.target not in (None, "attention"):
        yield str(spec.target)
    if spec.removal != "skip":
        yield spec.removal
    if spec.model_seed is not None:
        yield f"s{spec.model_seed}"
