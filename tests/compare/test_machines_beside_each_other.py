"""Across machines: ratios to each one's own baseline, the order of trials and criteria, never raw times."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from builders import records_of
from sided import PLAN, again, measured, on_machine, side

from harness.compare.hardware import hardware
from harness.compare.hardware_words import in_words
from harness.compare.words import described
from harness.records import Record
from harness.sides import of_snapshot

RESULTS = Path(__file__).parents[2] / "results"
CPU = again(records_of(PLAN))


def _mlps(records: Iterable[Record]) -> tuple[Record, ...]:
    """The candidates again, as if their MLPs had gone."""
    found = []
    for record in records:
        if record.trial.criterion is not None:
            changes = {"id": f"{record.trial.id}-mlp", "digest": f"{record.trial.digest}-mlp", "target": "mlp"}
            found.append(record.model_copy(update={"trial": record.trial.model_copy(update=changes)}))
    return tuple(found)


def _study(faster_attention: float, machine: str, gpu: str | None = None) -> tuple[Record, ...]:
    mlps = again(_mlps(records_of(PLAN)), seed=2, slower=faster_attention)
    found = on_machine((*CPU, *mlps), machine, **({"gpu": {"name": gpu}} if gpu else {"cpu": "Some CPU"}))
    return found if gpu is None else tuple(map(_on_gpu, found))


def _on_gpu(record: Record) -> Record:
    environment = record.environment and record.environment.model_copy(update={"device": "cuda:0"})
    return record.model_copy(update={"environment": environment})


def test_one_machine_class_says_nothing_across_machines() -> None:
    assert hardware([side("a", CPU), side("b", CPU)]) is None


def test_the_cheaper_removal_is_told_for_each_machine() -> None:
    found = hardware([side("cpu", _study(1.3, "cpu-1")), side("gpu", _study(0.7, "gpu-2", "NVIDIA H100"))])
    assert found is not None
    latency = next(text for text in in_words(found) if text.startswith("latency_s"))
    assert "on Some CPU attention is the cheaper removal" in latency
    assert "on NVIDIA H100 mlp is the cheaper removal" in latency


def test_a_machine_of_unlike_gpus_is_called_after_the_one_that_measured() -> None:
    both = {"gpus": ["NVIDIA A100", "NVIDIA H100"], "gpu": {"name": "NVIDIA H100"}}
    told = described(side("gpu", map(_on_gpu, on_machine(CPU, "gpu-2", **both))))
    assert "NVIDIA H100, commit" in told
    assert "A100" not in told


def test_gains_that_cannot_be_told_apart_make_no_winner() -> None:
    found = hardware([side("cpu", _study(1.0, "cpu-1")), side("gpu", _study(1.0, "gpu-2", "NVIDIA H100"))])
    assert found is not None
    assert {duel.winner for duel in found.duels} == {None}
    assert "it is not sure which of attention and mlp is the cheaper removal" in in_words(found)[0]


def test_machines_that_order_trials_alike_agree_whatever_their_pace() -> None:
    def slow(record: Record) -> Record:
        held = next(m for m in record.measurements if m.metric == "latency_s")
        samples = {name: tuple(50 * s for s in getattr(held, name)) for name in ("samples", "baseline_samples")}
        return measured(record, "latency_s", **samples)

    found = hardware([side("a", CPU), side("b", on_machine(map(slow, CPU), "cpu-2"))])
    assert found is not None
    latency = next(one for one in found.agreements if one.metric == "latency_s (batch 1)")
    assert latency.tau == pytest.approx(1.0)
    assert latency.fronts is not None
    assert latency.fronts[0] == latency.fronts[1]
    (criteria,) = found.criteria
    assert criteria.tau == pytest.approx(1.0)
    assert criteria.orders[0] == criteria.orders[1]


def test_the_shipped_runtimes_of_a_cpu_and_a_gpu_say_what_they_can() -> None:
    found = hardware([of_snapshot("reference", RESULTS, name) for name in ("runtimes", "runtimes_gpu")])
    assert found is not None
    assert found.names == ("Intel Xeon Processor (2 cores)", "NVIDIA H200")
    told = in_words(found)
    assert any(text.startswith("latency_s: on Intel Xeon") and "on NVIDIA H200" in text for text in told)
    assert told[-1].startswith("No trial was measured on several of the machines")
