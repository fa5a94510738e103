"""Stage 5: what the structure costs on this machine, beside its baseline."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from harness import numerics
from harness.artifacts import Artifact
from harness.collectors.base import CostCollector, Subject
from harness.collectors.guard import CollectorFault, guarded, nulls
from harness.device import IdleClock, is_gpu
from harness.inventory import structure
from harness.questions import Scene, questions
from harness.records import Measurement, SharedFrom
from harness.schema import Options
from harness.stages.alone import collect_alone
from harness.stages.attempts import collected
from harness.stages.base import Bench, Network, Removed
from harness.stages.errands import Errand, Setting
from harness.stages.measured import FILE, Measured, writer
from harness.stages.subjects import REAL_SPLIT, subject_of

if TYPE_CHECKING:
    from torch import nn

SHARDED = "sharded: the network lies on several devices, and this counts on one of them"
REVISION = 2  # 1 counted some fused and recurrent operators as nothing


def cost(
    bench: Bench, candidate: Network, baseline: nn.Module, gone: Removed, wanted: Sequence[CostCollector]
) -> tuple[tuple[Measurement, ...], list[tuple[Artifact, bool]]]:
    """What each collector measured of this structure; where another trial's cost is shown, the record says whose.

    A collector that raises answers null with the reason, and that is kept nowhere: the next run tries again.
    """
    subject = subject_of(bench, candidate.net, baseline)
    structure_key = _structure(bench, candidate, gone)
    used: list[tuple[Artifact, bool]] = []
    found: dict[int, Sequence[Measurement]] = {}
    # Memory first: once something was timed, this process gives none back.
    for place, collector in sorted(enumerate(wanted), key=lambda one: not one[1].in_fresh_process):
        bench.progress("cost", collector.name)
        scene = Scene(not bench.spec.removes, bench.spec.runs_in())
        if bench.shards and collector.reads_one_device:
            found[place] = nulls(questions(collector, scene), collector.kind, SHARDED)
            continue
        try:
            kept = _kept(bench, subject, gone, collector, structure_key)
        except CollectorFault as fault:
            found[place] = nulls(questions(collector, scene), collector.kind, str(fault))
            continue
        used.append(kept)
        found[place] = _shown(bench, kept[0])
    return tuple(m for place in range(len(wanted)) for m in found[place]), used


def _kept(
    bench: Bench, subject: Subject, gone: Removed, collector: CostCollector, built: Options
) -> tuple[Artifact, bool]:
    def measure() -> Measured:
        # Caught here, so that what fails while an artifact is written is told from what fails while it is measured.
        found = guarded(partial(_measured, bench, subject, gone, collector))
        if isinstance(found, str):
            raise CollectorFault(found)
        return Measured(measurements=found)

    return bench.obtain("cost", _asked(bench, built, collector), writer(measure))


def _measured(bench: Bench, subject: Subject, gone: Removed, collector: CostCollector) -> tuple[Measurement, ...]:
    """In a process of its own, under watch, or just so: as the collector needs it."""
    runtime = bench.spec.runs_in()
    # What a collector compiles and copies goes with it; compiled code is forgotten in between anyway.
    subject = replace(subject, compiled=numerics.Compiler(runtime), resized={})
    # What is exact is counted, not run: a kernel that is forced would only be in the way.
    force = contextlib.nullcontext() if collector.kind == "exact" else numerics.in_force(runtime, bench.device)
    with force:
        # A process of its own builds the shapes anew; where values decide, only the trial's own network will do.
        if collector.in_fresh_process and not is_gpu(bench.device) and not _reads_values(bench):
            return (bench.alone or collect_alone)(_errand(bench, gone, collector))
        if collector.is_timed:
            clock = IdleClock(bench.device)
            return collected(lambda: collector.collect(subject, clock), bench.device, bench.job.remeasure)
        return collector.collect(subject, IdleClock(bench.device))


def _errand(bench: Bench, gone: Removed, collector: CostCollector) -> Errand:
    return Errand(
        setting=Setting(bench.task.name, bench.task_options, bench.config, bench.device),
        spec=bench.spec,
        gone=gone.sublayers,
        collector=collector.identity(),
        threads=bench.spec.runs_in().threads or bench.threads,
        plugins=bench.job.plugins,
    )


def _shown(bench: Bench, artifact: Artifact) -> list[Measurement]:
    measured = Measured.model_validate(artifact.read_json(FILE)).measurements
    if artifact.manifest.made_by == bench.maker.trial:
        return list(measured)
    source = SharedFrom(trial=artifact.manifest.made_by, run=artifact.manifest.run)
    return [m.model_copy(update={"shared_from": source}) for m in measured]


def _structure(bench: Bench, candidate: Network, gone: Removed) -> Options:
    """What is measured: shapes alone, but of a network that reads values its weights and items as well."""
    built: Options = {
        "architecture": bench.spec.architecture,
        "options": {**bench.spec.options, **bench.task_options},
        "structure": structure(bench.inventory, gone.names),
        "removal": bench.spec.removal if gone.names else None,
    }
    if bench.transforms:
        built["transforms"] = [[stage, plugin.identity()] for stage, plugin in bench.transforms]
    if _reads_values(bench):
        part = bench.data.parts[REAL_SPLIT].info
        built |= {"content": candidate.content, "items": {"sha256": part.sha256, "transform": part.transform}}
    return built


def _reads_values(bench: Bench) -> bool:
    return bench.inventory.reads_values or any(plugin.reads_values for _, plugin in bench.transforms)


def _asked(bench: Bench, built: Options, collector: CostCollector) -> Options:
    asked: Options = {**built, "collector": collector.identity(), "revision": REVISION}
    if bench.spec.runtime is not None:
        asked["runtime"] = bench.spec.runtime
    if collector.kind == "noisy":
        asked |= {"machine_class": bench.maker.machine_class, "software_class": bench.maker.software_class}
        asked |= {"device": bench.device, "threads": bench.threads}
    if bench.job.costs == "each":
        asked["trial"] = bench.assignment.trial.digest
    return asked
