"""What goes wrong while a trial is measured: null with the reason where the rest stands, else a failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_studies import job_of, small, written
from torch import Tensor, nn

from harness.collectors.calibration_error import CalibrationError
from harness.collectors.guard import guarded
from harness.collectors.latency import Latency
from harness.collectors.macs import Macs
from harness.errors import DataError
from harness.failures import classified
from harness.pending import assignments, standings
from harness.plan import make_plan
from harness.records import STAGES, Record
from harness.run_trial import run_trial
from harness.study_file import load_study
from harness.tasks.classification import Classification

NO_LUCK: dict[str, Any] = {}
PLUGIN = '''
from harness.collectors.base import OutcomeCollector, CostCollector, collectors
from harness.records import Asked

@collectors.register("unlucky")
class Unlucky(OutcomeCollector):
    """Raises at the second batch."""

    def asked(self):
        return (Asked(metric="luck", split="test"),)

    def tally(self, split, task, order):
        return self

    def update(self, outputs, batch):
        raise KeyError("luck")
'''


def baseline(folder: Path, **changes: Any) -> Record:
    plan = make_plan(load_study(written(folder, small(**changes))), folder)
    todo = assignments(plan, standings(plan, (), None))
    return run_trial(job_of(plan, folder), todo[0], lambda stage, note: None)


def test_a_cost_collector_that_raises_is_null_and_the_others_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, subject: object, clock: object) -> None:
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(Macs, "collect", broken)
    record = baseline(tmp_path)
    found = {m.metric: m for m in record.measurements}
    assert record.status == "ok"
    assert found["macs"].reason == found["flops"].reason == "collector_failed: ZeroDivisionError: no luck"
    assert (found["macs"].unit, found["macs"].kind) == ("MAC", "exact")
    assert found["params"].value is not None


def test_what_a_collector_could_not_measure_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Macs, "collect", lambda *_: NO_LUCK["luck"])
        assert baseline(tmp_path).measurements[0].value is None
    assert baseline(tmp_path).measurements[0].value is not None


def test_an_outcome_collector_that_raises_is_null_and_the_others_stand(tmp_path: Path) -> None:
    (tmp_path / "unlucky.py").write_text(PLUGIN)
    record = baseline(tmp_path, plugins=["./unlucky.py"], collectors=["accuracy", "unlucky"])
    found = {(m.metric, m.split): m for m in record.measurements}
    assert record.status == "ok"
    assert found["luck", "test"].reason == "collector_failed: KeyError: 'luck'"
    assert found["top1", "test"].value is not None


def test_it_is_null_with_its_reason_where_costs_are_taken_by_a_later_job(tmp_path: Path) -> None:
    (tmp_path / "unlucky.py").write_text(PLUGIN)
    study = small(plugins=["./unlucky.py"], collectors=["accuracy", "unlucky", "macs"])
    plan = make_plan(load_study(written(tmp_path, study)), tmp_path)
    (first, *_) = assignments(plan, standings(plan, (), None))
    for stages in (STAGES[:4], STAGES[4:]):
        record = run_trial(job_of(plan, tmp_path, stages=stages), first, lambda stage, note: None)
    found = {(m.metric, m.split): m for m in record.measurements}
    assert record.status == "ok"
    assert found["luck", "test"].reason == "collector_failed: KeyError: 'luck'"
    assert found["top1", "test"].value is not None
    assert found["macs", None].value is not None


@pytest.mark.parametrize("method", ["views", "tally"])
def test_an_outcome_collector_that_cannot_begin_is_null_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def unlucky(self: object, *given: object) -> None:
        raise KeyError("luck")

    monkeypatch.setattr(CalibrationError, method, unlucky)
    record = baseline(tmp_path, collectors=["accuracy", "calibration_error"])
    found = {(m.metric, m.split): m for m in record.measurements}
    assert record.status == "ok"
    assert found["ece", "test"].reason == "collector_failed: KeyError: 'luck'"
    assert found["top1", "test"].value is not None


def test_outputs_that_are_not_numbers_are_a_numerical_failure_and_no_accuracy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: object, net: nn.Module, batch: object) -> Tensor:
        return torch.full((len(batch), 10), float("nan"))  # type: ignore[arg-type]  # a batch

    prepared = baseline(tmp_path, collectors=["macs"])  # its weights are kept
    assert prepared.status == "ok"
    monkeypatch.setattr(Classification, "forward", forward)
    record = baseline(tmp_path, collectors=["accuracy"])
    assert record.status == "failed"
    assert record.failure is not None
    assert record.failure.kind == "numerical"


def test_a_gpu_that_is_gone_fails_the_trial_instead_of_leaving_nulls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: object, subject: object, clock: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(Latency, "collect", gone)
    record = baseline(tmp_path, collectors=["params", "latency"])
    assert record.status == "failed"
    assert record.failure is not None
    assert (record.failure.kind, record.failure.retry) == ("node_failure", True)


def test_what_is_the_users_to_fix_goes_on() -> None:
    def wrong() -> None:
        raise DataError("wrong data")

    with pytest.raises(DataError):
        guarded(wrong)


def test_memory_that_does_not_suffice_is_told_as_such() -> None:
    def large() -> None:
        raise MemoryError("no room")

    assert guarded(large) == "oom_host: MemoryError: no room"
    assert classified(MemoryError()) == "oom_host"
