"""Runs a study: what is done is skipped, the rest handed to an executor and watched until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from harness.errors import SpecError, StoreError
from harness.following import Following, Summary, Unwatched, Watcher
from harness.jobs import Assignment, JobFolder
from harness.live import Live, live_jobs
from harness.pending import Standing, assignments, standings
from harness.place import Orders, Place, check_device, check_sharded, place_of
from harness.plan import Plan, make_plan
from harness.presence import check_presence
from harness.record_file import in_words
from harness.records import STAGES
from harness.store import Store
from harness.study_file import StudyFile
from harness.submission import Batch, batches_of, started
from harness.whole_file import write_whole


def launch(file: StudyFile, results: Path, orders: Orders, watcher: Watcher) -> Summary:
    """Plans, skips, submits and watches; raises a HarnessError before anything runs where something is wrong.

    What jobs of an earlier launch still do is followed and not done again.
    """
    plan = make_plan(file, results)
    place = place_of(file.site, orders)
    if orders.detach and not place.executor.can_detach:
        raise SpecError(f"--detach: jobs of the executor {place.executor.name} end with their launcher")
    store = Store(results)
    study = plan.study.study
    others, deaths = _still_running(store, study)
    following = Following(store, others, watcher, Summary(study, 0, 0))  # listens before the records are read
    stand = standings(plan, store.briefs(study), place.machine_class)
    asked = assignments(
        plan, stand, fresh=orders.fresh is not None, retry_failed=orders.retry_failed, limit=orders.limit
    )
    awaited = {} if orders.fresh else following.awaited()
    todo = [a for a in asked if not {each.key for each in a.asked} <= awaited.get(a.trial.id, frozenset())]
    routes = batches_of(plan, place, todo, store, orders)
    if todo:
        _make_ready(file, plan, place, routes, results)
    summary = following.summary = _summary(plan, stand, asked)
    summary.deaths += deaths
    _write_plan(store, plan, file, orders)
    if todo or others:
        watcher.begins(len(plan.trials), len(asked), f"{place.executor.name}, device {place.device}")
        own = started(store, study, routes, orders.detach)
        if orders.detach:
            summary.is_detached, summary.left = True, len(asked)
        else:
            following.add(own)
            _follow(following)
    return summary


def _make_ready(file: StudyFile, plan: Plan, place: Place, routes: Sequence[Sequence[Batch]], results: Path) -> None:
    """Raises a HarnessError where a device lacks what a study asks of it, or what the trials need is not here."""
    paths = {label: Path(folder) for label, folder in place.site.paths.items()}
    batches = [batch for route in routes for batch in route]
    loads = [batch.load for batch in batches]
    devices = {stage: {one.device for one in loads if stage in one.leg.stages} for stage in STAGES}
    check_device(file, plan.study, devices)
    check_sharded(file, plan.study, place.site)
    trials = (each.trial for batch in batches for job in batch.jobs for each in job.assignments)
    check_presence(trials, paths, results, str(file.path))
    for dataset in plan.datasets:
        dataset.fetch(paths)


def _follow(following: Following) -> None:
    """To the end; raises StoreError where the results folder can be written no more."""
    try:
        following.follow()
    except StoreError as error:
        error.after = "finished trials are kept; give the command again once that is put right"
        raise


def watch(store: Store, study: str, watcher: Watcher) -> Summary:
    """Follows the jobs of a study that run without a launcher, to their end; raises StoreError without a plan."""
    index = store.read_index(study)
    planned = [trial.id for trial in index.trials]
    others, deaths = _still_running(store, study)
    summary = Summary(study, len(planned), 0, deaths=deaths)
    following = Following(store, others, watcher, summary)
    summary.done_before = len(_outcomes(store, planned, study)[0])
    watcher.begins(len(planned), len(following.awaited()), "watching")
    following.follow()
    good, summary.failed = _outcomes(store, planned, study)
    summary.left = len(planned) - len(good) - len(summary.failed)
    return summary


def _outcomes(store: Store, planned: Sequence[str], study: str) -> tuple[set[str], dict[str, str]]:
    """The planned trials with a good record, and those that have only failed ones, with what the newest says."""
    runs = store.briefs(study)
    good = {run.trial for run in runs if run.status == "ok"} & {*planned}
    newest = {run.trial: run.reason or "no reason is told" for run in runs}
    return good, {trial: newest[trial] for trial in planned if trial in newest and trial not in good}


def _still_running(store: Store, study: str) -> tuple[list[Live], list[str]]:
    """The jobs that run without a launcher; what became of those that ended meanwhile is written down, and told."""
    found = live_jobs(JobFolder(store.root, study))
    running = [one for one in found if one.handle.is_running()]
    ended = [one for one in found if one not in running]
    summary = Summary(study, 0, 0)
    if ended:
        Following(store, ended, Unwatched(), summary).close()
    return running, summary.deaths


def _summary(plan: Plan, stand: Sequence[Standing], todo: Sequence[Assignment]) -> Summary:
    running = {a.trial.id for a in todo}
    held = [s for s in stand if s.is_held_back and s.trial.id not in running]
    return Summary(
        study=plan.study.study,
        total=len(plan.trials),
        done_before=sum(s.is_done and s.trial.id not in running for s in stand),
        held_back={s.trial.id: (s.failed.reason or "") if s.failed else "" for s in held},
    )


def _write_plan(store: Store, plan: Plan, file: StudyFile, orders: Orders) -> None:
    name = plan.study.study
    JobFolder(store.root, name).create()
    store.write_index(plan.index(orders.command))
    _write_resolved(store.root / name / "study.resolved.yaml", file)


def _write_resolved(path: Path, file: StudyFile) -> None:
    """What was asked with defaults filled in; where it runs is no part of it."""
    if file.study is None:
        return
    text = StringIO()
    places: dict[str, Any] = {"models": {"__all__": {"resources"}}, "references": {"__all__": {"model": {"resources"}}}}
    YAML(typ="safe", pure=True).dump(file.study.model_dump(mode="json", by_alias=True, exclude=places), text)
    try:
        write_whole(path, text.getvalue())  # another launcher may write the same at this moment
    except OSError as error:
        raise StoreError(f"{path.name}: {in_words(error, 'written')}") from None
