"""Two records of one trial: what is equal to the bit, what differs and how, and what cannot be compared."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from builders import Plan, elsewhere, failed, records_of

from harness.records import Asked, Measurement, Outcome, Record, SelectionInfo
from harness.repetition.comparison import Comparison, compare
from harness.repetition.finding import Finding, title

MARGIN = 0.05


@pytest.fixture
def record() -> Record:
    """A candidate with scores, per-item outcomes and a null energy."""
    (found, *_) = (r for r in records_of(Plan()) if r.trial.criterion == "entropy")
    selection = SelectionInfo(search="one_shot", nested=True, scores={"blocks.0.attn": 0.25, "blocks.1.attn": 0.5})
    null = Measurement(metric="energy_j", unit="J", better="lower", kind="noisy", value=None, reason="no_counter: cpu")
    changes = {"selection": selection, "outcomes": (_bits([1, 0, 1, 1, 0, 0, 1, 1, 1, 0]),)}
    return found.model_copy(update={**changes, "measurements": (*found.measurements, null)})


def _bits(values: list[int], **changes: Any) -> Outcome:
    data = base64.b64encode(np.packbits(np.array(values, dtype=bool)).tobytes()).decode()
    fields = {"split": "test", "metric": "top1", "item": "image", "items": len(values), "encoding": "bits"}
    return Outcome.model_validate({**fields, "data": data, "order": "a" * 64, **changes})


def _measured(record: Record, metric: str, **changes: Any) -> Record:
    found = tuple(m.model_copy(update=changes) if m.metric == metric else m for m in record.measurements)
    return record.model_copy(update={"measurements": found})


def _found(comparison: Comparison, what: str) -> Finding:
    (finding,) = (f for f in comparison.findings if f.what == what)
    return finding


def test_a_record_beside_itself_is_equal_in_every_part(record: Record) -> None:
    found = compare(record, record, MARGIN)
    assert {f.verdict for f in found.findings if f.kind == "exact"} == {"equal"}
    assert (found.differs, found.is_empty, found.changes, found.apart) == (False, False, (), None)
    parts = {"data train", "weights before removal", "removed", "selection scores", "selection", "proof", "top1 test"}
    assert parts | {"items of top1 test", "macs", "params"} <= {f.what for f in found.findings}


def test_the_last_bit_of_an_exact_metric_is_a_difference(record: Record) -> None:
    value = next(m.value for m in record.measurements if m.metric == "macs")
    assert value is not None
    near = float(np.nextafter(value, np.inf))
    found = _found(compare(record, _measured(record, "macs", value=near), MARGIN), "macs")
    assert (found.verdict, found.recorded, found.here) == ("different", value, near)
    assert found.numbers["difference"] == near - value


def test_the_number_of_items_that_came_out_otherwise_is_said(record: Record) -> None:
    other = record.model_copy(update={"outcomes": (_bits([1, 0, 1, 1, 0, 0, 0, 1, 1, 1]),)})
    found = _found(compare(record, other, MARGIN), "items of top1 test")
    assert (found.verdict, found.note) == ("different", "2 of 10 images differ")
    assert found.numbers == {"items": 10, "differing": 2}


@pytest.mark.parametrize("changes", [{"order": "b" * 64}, {"items": 9}])
def test_items_of_other_data_are_not_compared_one_by_one(record: Record, changes: dict[str, Any]) -> None:
    (own,) = record.outcomes
    other = record.model_copy(update={"outcomes": (own.model_copy(update=changes),)})
    found = _found(compare(record, other, MARGIN), "items of top1 test")
    assert (found.verdict, found.numbers) == ("different", {})
    assert "no item can be compared" in found.note


def test_numbers_of_items_are_told_with_the_largest_difference(record: Record) -> None:
    def of(*values: float) -> Record:
        data = base64.b64encode(np.array(values, dtype="<f8").tobytes()).decode()
        return record.model_copy(update={"outcomes": (_bits([0] * 3, encoding="float64", data=data),)})

    found = _found(compare(of(1.0, 2.0, 3.0), of(1.0, 2.25, 2.5), MARGIN), "items of top1 test")
    assert found.note == "2 of 3 images differ, by 0.5 at most"
    assert found.numbers == {"items": 3, "differing": 2, "largest": 0.5}


@pytest.mark.parametrize("data", ["", "####", "AA=="])
def test_outcomes_that_cannot_be_unpacked_are_not_compared(record: Record, data: str) -> None:
    damaged = record.model_copy(update={"outcomes": (record.outcomes[0].model_copy(update={"data": data}),)})
    found = _found(compare(damaged, record, MARGIN), "items of top1 test")
    assert (found.verdict, found.note) == ("not compared", "what is kept of the items cannot be unpacked")


def test_scores_are_compared_one_by_one(record: Record) -> None:
    assert record.selection is not None
    scores = {"blocks.0.attn": 0.25, "blocks.1.attn": 0.75, "blocks.2.attn": 1.0}
    other = record.model_copy(update={"selection": record.selection.model_copy(update={"scores": scores})})
    found = _found(compare(record, other, MARGIN), "selection scores")
    assert found.note == "2 of 3 differ, by 0.25 at most, 1 on one side only"
    assert _found(compare(record, other, MARGIN), "selection").verdict == "equal"


def test_another_set_other_data_and_another_proof_are_named(record: Record) -> None:
    data = {**record.data, "test": record.data["test"].model_copy(update={"transform": "resize 9"})}
    assert record.proof is not None
    proof = record.proof.model_copy(update={"max_abs_difference": 1.3e-6})
    other = record.model_copy(update={"removed": ("blocks.7.attn",), "data": data, "proof": proof})
    found = compare(record, other, MARGIN)
    assert _found(found, "removed").here == ["blocks.7.attn"]
    assert _found(found, "data test").note == "transform differ"
    assert _found(found, "proof").note == "max_abs_difference: 1.2e-06, here 1.3e-06"
    assert {f.what for f in found.findings if f.verdict == "different"} == {"removed", "data test", "proof"}


def test_what_a_set_saves_of_the_latency_was_measured_and_need_not_be_the_same(record: Record) -> None:
    def saving(cost: str, saved: float) -> Record:
        assert record.selection is not None
        budget = {cost: 0.1, "saved": saved, "count": 2}
        return record.model_copy(update={"selection": record.selection.model_copy(update={"budget": budget})})

    for cost, verdict in (("latency", "equal"), ("macs", "different")):
        assert _found(compare(saving(cost, 0.11), saving(cost, 0.12), MARGIN), "selection").verdict == verdict


def test_a_null_is_equal_for_the_same_reason_only(record: Record) -> None:
    other = _measured(record, "energy_j", reason="not_exclusive: 2 other processes")
    found = _found(compare(record, other, MARGIN), "energy_j")
    assert found.verdict == "not compared"
    assert found.note == "null; record: no_counter: cpu; here: not_exclusive: 2 other processes"
    assert _found(compare(record, record, MARGIN), "energy_j").verdict == "equal"


def test_an_exact_metric_that_is_null_on_one_side_differs(record: Record) -> None:
    found = _found(compare(record, _measured(record, "macs", value=None, reason="failed: no"), MARGIN), "macs")
    assert (found.verdict, found.note) == ("different", "null here: failed: no")


def test_what_nobody_answers_is_told_with_the_reason(record: Record) -> None:
    lacking = record.model_copy(update={"measurements": record.measurements[:-1]})
    reason = {Asked(metric="energy_j").key: "no collector known here gives 'energy_j'"}
    found = _found(compare(record, lacking, MARGIN, reason), "energy_j")
    assert (found.verdict, found.note) == ("not compared", "no collector known here gives 'energy_j'")
    assert _found(compare(record, lacking, MARGIN), "energy_j").note == "not measured here"


def test_a_run_that_fails_here_alone_is_told_and_compares_what_it_reached(record: Record) -> None:
    cut = failed(record)
    found = compare(record, cut, MARGIN)
    assert found.is_cut_short
    assert _found(found, "how the run ended").here == "failed in cost (oom_host): the host ran out of memory"
    assert _found(found, "macs").note == "the run here ended before it"
    assert (found.differs, found.is_empty) == (True, False)


def test_a_run_that_fails_before_anything_was_made_compares_nothing(record: Record) -> None:
    nothing: dict[str, Any] = {"data": {}, "outcomes": (), "proof": None, "selection": None, "environment": None}
    early = failed(record).model_copy(update={**nothing, "run": record.run.model_copy(update={"stages": {}})})
    assert compare(record, early, MARGIN).is_empty


def test_a_failure_is_repeated_by_one_of_the_same_class_and_message(record: Record) -> None:
    def verdict(new: Record) -> str:
        found = compare(failed(record), new, MARGIN)
        assert not found.is_empty
        return _found(found, "how the run ended").verdict

    assert verdict(failed(record)) == "equal"
    assert verdict(failed(record, message="another")) == "different"
    assert verdict(failed(record, kind="numerical")) == "different"
    assert verdict(record) == "different"


def test_the_changed_parts_of_the_environment_are_named(record: Record) -> None:
    assert record.environment is not None
    changes: dict[str, Any] = {
        "versions": {"python": "3.11.9", "torch": "2.15.0", "numpy": "2.0"},
        "harness": {"version": "0.1.0", "commit": "99999999", "dirty": True},
        "threads": 8,
    }
    other = record.model_copy(update={"environment": record.environment.model_copy(update=changes)})
    found = compare(record, other, MARGIN)
    told = {change.what: (change.recorded, change.here) for change in found.changes}
    assert told == {
        "harness.commit": ("1234abcd", "99999999"),
        "harness.dirty": (False, True),
        "versions.torch": ("2.14.1", "2.15.0"),
        "versions.timm": ("1.0.31", None),
        "versions.numpy": (None, "2.0"),
        "threads": (2, 8),
    }
    assert found.apart == "another number of threads (2, here 8)"


def test_on_another_machine_class_only_the_ratio_to_the_baseline_is_compared(record: Record) -> None:
    (there,) = (r for r in records_of(elsewhere(Plan(), machine_class="gpu-1")) if r.trial.id == record.trial.id)
    found = compare(record, there, MARGIN)
    raw, ratio = (_found(found, f"latency_s (batch 1){tail}") for tail in ("", ": ratio to baseline"))
    assert (raw.verdict, raw.note) == ("not compared", "another machine class (cpu-5f2c9a, here gpu-1)")
    assert ratio.verdict == "equivalent"


def test_a_measurement_is_called_by_metric_split_and_conditions() -> None:
    assert title(Asked(metric="top1", split="test:v2", at={"dtype": "bf16"})) == "top1 test:v2 (dtype bf16)"
    assert title(Asked(metric="tau", at={"sizes": [4, 8]})) == "tau (sizes 4 and 8)"
