"""Stage 5: what the structure costs on this machine, beside its baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from harness.artifacts import Artifact
from harness.collectors.base import Clock, CostCollector, Subject
from harness.device import IdleClock
from harness.inventory import structure
from harness.records import Measurement, SharedFrom
from harness.schema import Options
from harness.stages.base import Bench, Removed
from harness.stages.measured import FILE, Measured, writer

if TYPE_CHECKING:
    from torch import nn

REVISION = 1


def cost(
    bench: Bench, candidate: nn.Module, baseline: nn.Module, gone: Removed, collectors: Sequence[CostCollector]
) -> tuple[tuple[Measurement, ...], list[tuple[Artifact, bool]]]:
    """What each collector measured of this structure; where another trial's cost is shown, the record says whose."""
    subject = Subject(
        candidate=candidate,
        baseline=baseline,
        task=bench.task,
        example=lambda items: bench.task.example(bench.config, items, bench.device),
        device=bench.device,
    )
    clock = IdleClock(bench.device)
    used: list[tuple[Artifact, bool]] = []
    found: list[Measurement] = []
    for collector in collectors:
        bench.progress("cost", collector.name)
        artifact, reused = bench.obtain(
            "cost", _asked(bench, gone, collector), writer(_measuring(collector, subject, clock))
        )
        used.append((artifact, reused))
        found += _shown(bench, artifact)
    return tuple(found), used


def _measuring(collector: CostCollector, subject: Subject, clock: Clock) -> Callable[[], Measured]:
    return lambda: Measured(measurements=collector.collect(subject, clock))


def _shown(bench: Bench, artifact: Artifact) -> list[Measurement]:
    measured = Measured.model_validate(artifact.read_json(FILE)).measurements
    if artifact.manifest.made_by == bench.maker.trial:
        return list(measured)
    source = SharedFrom(trial=artifact.manifest.made_by, run=artifact.manifest.run)
    return [m.model_copy(update={"shared_from": source}) for m in measured]


def _asked(bench: Bench, gone: Removed, collector: CostCollector) -> Options:
    asked: Options = {
        "architecture": bench.spec.architecture,
        "options": {**bench.spec.options, **bench.task_options},
        "structure": structure(bench.inventory, gone.names),
        "removal": bench.spec.removal if gone.names else None,
        "collector": collector.identity(),
        "revision": REVISION,
    }
    if bench.transforms:
        asked["transforms"] = [[stage, plugin.identity()] for stage, plugin in bench.transforms]
    if collector.kind == "noisy":
        asked |= {"machine_class": bench.maker.machine_class, "software_class": bench.maker.software_class}
        asked |= {"device": bench.device, "threads": bench.threads}
    if bench.job.costs == "each":
        asked["trial"] = bench.assignment.trial.digest
    return asked
