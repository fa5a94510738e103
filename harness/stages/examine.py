"""Stage 4, its other half: benchmarks that put questions of their own to the network, each kept by what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harness.artifacts import Artifact
from harness.collectors.base import ExamCollector, Examinee
from harness.collectors.guard import CollectorFault, guarded, nulls
from harness.datasets.base import datasets
from harness.records import Measurement
from harness.schema import Options
from harness.stages.base import Bench, Network, built
from harness.stages.measured import FILE, Measured, writer

REVISION = 1


def examine(
    bench: Bench, recovered: Network, collectors: Sequence[ExamCollector]
) -> tuple[tuple[Measurement, ...], list[tuple[Artifact, bool]]]:
    """The answers of each collector; one that raises gives nulls, which are kept nowhere."""
    found: list[Measurement] = []
    used: list[tuple[Artifact, bool]] = []
    for collector in collectors:
        bench.progress("evaluate", collector.name)
        try:
            artifact, reused = bench.obtain(
                "evaluate", _asked(bench, recovered, collector), writer(partial(_measured, bench, recovered, collector))
            )
        except CollectorFault as fault:
            found += nulls(collector.asked(), "exact", str(fault))
            continue
        used.append((artifact, reused))
        found += Measured.model_validate(artifact.read_json(FILE)).measurements
    return tuple(found), used


def _measured(bench: Bench, recovered: Network, collector: ExamCollector) -> Measured:
    paths = {label: Path(place) for label, place in bench.job.paths.items()}
    tokenizer = datasets.create(bench.spec.data, "data").tokenizer_file(paths)
    examinee = Examinee(recovered.net, tokenizer, bench.device)
    found = guarded(lambda: collector.collect(examinee))
    if isinstance(found, str):
        raise CollectorFault(found)
    return Measured(measurements=found)


def _asked(bench: Bench, recovered: Network, collector: ExamCollector) -> Options:
    return {
        "network": built(bench),
        "recovered": recovered.content,
        "tokenizer": bench.spec.data.get("tokenizer"),
        "collector": collector.identity(),
        "device": bench.device.partition(":")[0],
        "software": bench.maker.software_class,
        "revision": REVISION,
    }
