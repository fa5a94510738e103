"""Speed in words: runtime by runtime, and nothing claimed of what was noisy, tainted or unclear."""

from __future__ import annotations

import pytest
from timed_records import changed, timed, viewed

from harness.records import Record
from harness.report.speeds import MANY, speeds


def told(records: list[Record], level: float = 4) -> list[str]:
    (members,) = viewed(records).timed
    return speeds(members, level)


def test_of_several_runtimes_one_sentence_tells_all() -> None:
    latency, throughput = told(list(timed()))
    assert latency.startswith("The latency (batch 1), by runtime: in fp32 it fell by ")
    assert "; in bf16 it fell by " in latency
    assert throughput.startswith("The throughput (batch 64), by runtime: in fp32 it rose by ")


def test_of_one_runtime_the_runtime_is_not_named() -> None:
    latency, _ = told([record for record in timed() if record.trial.runtime == "fp32"])
    assert latency.startswith("The latency (batch 1) fell by ")


def test_of_a_doubtful_timing_nothing_is_claimed_and_the_doubt_is_named() -> None:
    records = [changed(r, "latency_s", quality="tainted") if r.trial.runtime == "bf16" else r for r in timed()]
    (latency, _) = told(records)
    assert "in bf16 nothing is claimed, as its timing was tainted (a change of " in latency
    assert "in fp32 it fell by " in latency
    alone = [changed(r, "latency_s", quality="noisy") for r in timed() if r.trial.runtime == "fp32"]
    assert told(alone)[0].startswith("Nothing is claimed of the latency (batch 1): its timing was noisy (a change of ")


def test_an_interval_that_holds_no_change_is_no_change() -> None:
    def alike(record: Record) -> Record:
        m = next(m for m in record.measurements if m.metric == "latency_s")
        return changed(record, "latency_s", samples=m.baseline_samples[::-1])

    assert "a change could not be told from noise (" in told([alike(r) for r in timed()])[0]


def test_a_change_as_small_as_between_two_copies_is_not_claimed() -> None:
    def nearly(record: Record) -> Record:
        m = next(m for m in record.measurements if m.metric == "latency_s")
        return changed(record, "latency_s", samples=tuple(0.993 * value for value in m.baseline_samples))

    records = [nearly(record) for record in timed() if record.trial.runtime == "fp32"]
    assert told(records)[0].startswith("A change of the latency (batch 1) could not be told from noise (")


def test_too_few_pairs_say_nothing() -> None:
    def short(record: Record) -> Record:
        m = next(m for m in record.measurements if m.metric == "latency_s")
        return changed(record, "latency_s", samples=m.samples[:3], baseline_samples=m.baseline_samples[:3])

    assert "in fp32 nothing is said, as it was timed in fewer than 6 pairs" in told([short(r) for r in timed()])[0]


def test_many_runtimes_that_agree_are_told_as_a_range_and_the_others_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.report.speeds.MANY", 2)
    assert MANY == 4
    latency, _ = told(list(timed()))
    assert latency.startswith("The latency (batch 1) fell by ")
    assert latency.endswith(" in 2 of 2 runtimes.")
    doubtful = [changed(r, "latency_s", quality="noisy") if r.trial.runtime == "bf16" else r for r in timed()]
    assert told(doubtful)[0].startswith("The latency (batch 1), by runtime: in fp32 it fell by ")


def test_a_batch_that_did_not_fit_is_told() -> None:
    reason = "oom_gpu: a batch of 64 does not fit into its memory"
    full = [changed(r, "images_per_s", value=None, reason=reason, samples=(), baseline_samples=()) for r in timed()]
    assert told(full)[1].startswith(
        "The throughput (batch 64), by runtime: in fp32 it is not known: out of memory; in bf16 "
    )
    alone = [record for record in full if record.trial.runtime == "fp32"]
    assert told(alone)[1] == "The throughput (batch 64) is not known: out of memory."
