"""Stage 4, its other half: benchmarks that put questions of their own to the network, each kept by what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harness.artifacts import Artifact
from harness.collectors.base import ExamCollector, Examinee
from harness.collectors.guard import CollectorFault, guarded, nulls
from harness.datasets.base import datasets
from harness.schema import Options, file_digest
from harness.stages.base import Bench, Network, built
from harness.stages.measured import FILE, Measured, together, writer

REVISION = 2  # 1 kept no answers


def examine(
    bench: Bench, recovered: Network, collectors: Sequence[ExamCollector]
) -> tuple[Measured, list[tuple[Artifact, bool]]]:
    """What each collector found; one that raises gives nulls, which are kept nowhere."""
    found: list[Measured] = []
    used: list[tuple[Artifact, bool]] = []
    paths = {label: Path(place) for label, place in bench.job.paths.items()}
    tokenizer = datasets.create(bench.spec.data, "data").tokenizer_file(paths) if collectors else None
    for collector in collectors:
        bench.progress("evaluate", collector.name)
        examinee = Examinee(recovered.net, tokenizer, bench.device)
        asked = {
            **_asked(bench, recovered, collector),
            "tokenizer": None if tokenizer is None else file_digest(tokenizer),
        }
        try:
            artifact, reused = bench.obtain("evaluate", asked, writer(partial(_measured, collector, examinee)))
        except CollectorFault as fault:
            found.append(Measured(measurements=nulls(collector.asked(), "exact", str(fault))))
            continue
        used.append((artifact, reused))
        found.append(Measured.model_validate(artifact.read_json(FILE)))
    return together(found), used


def _measured(collector: ExamCollector, examinee: Examinee) -> Measured:
    found = guarded(lambda: collector.collect(examinee))
    if isinstance(found, str):
        raise CollectorFault(found)
    measurements, outcomes = found
    return Measured(measurements=measurements, outcomes=outcomes)


def _asked(bench: Bench, recovered: Network, collector: ExamCollector) -> Options:
    return {
        "network": built(bench),
        "recovered": recovered.content,
        "collector": collector.identity(),
        "versions": collector.versions(),
        "device": bench.device.partition(":")[0],
        "software": bench.maker.software_class,
        "revision": REVISION,
    }
