"""Stage 4: what the weights achieve, item by item, on validation and every test set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from harness.artifacts import Artifact
from harness.collectors.base import OutcomeCollector
from harness.collectors.guard import nulls
from harness.questions import Scene, questions
from harness.records import Asked
from harness.runtimes import DEFAULT, Runtime
from harness.schema import Options
from harness.stages.base import MICRO_BATCH, Bench, Network, built, key_of
from harness.stages.measured import FILE, Measured, together, writer
from harness.stages.passes import Found, called, run_passes, splits_of

REVISION = 1
Used = list[tuple[Artifact, bool]]


def evaluate(bench: Bench, recovered: Network, collectors: Sequence[OutcomeCollector]) -> tuple[Measured, Used]:
    """The outcomes of all collectors, in plain fp32 and beside it in the trial's own arithmetic."""
    own = bench.spec.runs_in().for_outcomes()
    found: list[Measured] = []
    used: Used = []
    for runtime in dict.fromkeys((DEFAULT, own)):
        measured, artifacts = _in_runtime(bench, recovered, collectors, runtime)
        found.append(measured)
        used += artifacts
    return together(found), used


def _in_runtime(
    bench: Bench, recovered: Network, collectors: Sequence[OutcomeCollector], runtime: Runtime
) -> tuple[Measured, Used]:
    """Those not kept yet share one pass over each split."""
    asked = [(collector, _asked(bench, recovered, collector, runtime)) for collector in collectors]
    since = bench.since("evaluate")
    missing = [
        collector
        for collector, own in asked
        if bench.artifacts.get("evaluate", key_of(own), bench.maker, since) is None
    ]
    fresh = run_passes(bench, recovered.net, missing, runtime) if missing else {}
    used: Used = []
    found: list[Measured] = []
    for collector, own in asked:
        seen = fresh.get(called(collector))
        if isinstance(seen, str):  # kept nowhere, so that the next run tries again
            found.append(Measured(measurements=nulls(_questions(bench, collector, runtime), "exact", seen)))
            continue
        # An artifact may vanish or be damaged between the two looks: then its pass is made after all.
        measure = partial(_alone, bench, recovered, collector, runtime) if seen is None else partial(_same, seen)
        artifact, reused = bench.obtain("evaluate", own, writer(measure))
        used.append((artifact, reused))
        found.append(Measured.model_validate(artifact.read_json(FILE)))
    return together(found), used


def _same(found: Measured) -> Measured:
    return found


def _alone(bench: Bench, recovered: Network, collector: OutcomeCollector, runtime: Runtime) -> Measured:
    found: Found = run_passes(bench, recovered.net, [collector], runtime)[called(collector)]
    if isinstance(found, str):
        raise TypeError(found)
    return found


def _questions(bench: Bench, collector: OutcomeCollector, runtime: Runtime) -> tuple[Asked, ...]:
    """What the collector answers in this runtime alone."""
    plain = questions(collector, Scene(test_sets=bench.data.description.test_sets))
    return tuple(one.model_copy(update={"at": {**one.at, **runtime.of_outcomes()}}) for one in plain)


def _asked(bench: Bench, recovered: Network, collector: OutcomeCollector, runtime: Runtime) -> Options:
    asked: Options = {
        "network": built(bench),
        "recovered": recovered.content,
        "data": {
            split: {"sha256": bench.data.parts[split].info.sha256, "transform": bench.data.parts[split].info.transform}
            for split in splits_of(bench, collector)
        },
        "collector": collector.identity(),
        "device": bench.device.partition(":")[0],
        "micro_batch": MICRO_BATCH,
        "revision": REVISION,
    }
    return asked if runtime == DEFAULT else {**asked, "runtime": runtime.of_outcomes()}
