"""Caveats print themselves, each for its own reason and only then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import Plan, elsewhere, failed, index_of, records_of, stored
from timed_records import changed

from harness.records import Proof, Record, Warned
from harness.report.caveats import caveats
from harness.report.library import every_table
from harness.report.view import view, view_of
from harness.report.words import answer
from harness.store import Reading, Store

CLEAN = Plan(device="cuda:0", noisy_counts=(), counts=(2, 4))


def told(plan: Plan, records: tuple[Record, ...] | None = None) -> str:
    return "\n".join(caveats(view_of(index_of(plan), Reading(records_of(plan) if records is None else records, ()))))


def test_a_clean_study_has_only_the_caveat_of_its_shared_costs() -> None:
    found = told(CLEAN).splitlines()
    assert len(found) == 1
    assert "share one measured cost" in found[0]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"is_synthetic": True}, "The data are synthetic"),
        ({"device": "cpu"}, "Everything ran on a CPU"),
        ({"seeds": (0,)}, "One network per architecture (one seed)"),
        ({"seeds": (0, 1, 2)}, "Only 3 networks: fewer than 6"),
        ({"noisy_counts": (2,)}, "Noisy or tainted measurements of images_per_s, latency_s"),
        ({"limited": True}, "limited number of items"),
        ({"criteria": ("entropy", "similarity")}, "No random choice"),
        ({"draws": 2}, "drawn only 2 times"),
        ({"counts": (2,)}, "One count only"),
        ({"has_costs": False}, "Nothing was timed"),
    ],
)
def test_a_weakness_of_the_study_is_told(changes: dict[str, Any], text: str) -> None:
    assert text not in told(CLEAN)
    assert text in told(elsewhere(CLEAN, **changes))


def test_a_study_of_costs_alone_says_so_and_misses_no_accuracy() -> None:
    plan = elsewhere(CLEAN, is_synthetic=True)
    records = tuple(
        r.model_copy(update={"measurements": tuple(m for m in r.measurements if not m.metric.startswith("top"))})
        for r in records_of(plan)
    )
    asked = index_of(plan).model_copy(update={"collectors": ("macs", "latency")})
    found = view_of(asked, Reading(records, ()))
    lines = caveats(found)
    assert "Accuracy was not asked for: nothing here says what a removal loses." in lines
    assert not any("no accuracy" in line or "accuracies" in line for line in lines)
    assert not any(table.name.startswith("accuracy-") for table in every_table(found))
    assert not any("no loss can be stated" in line for line in answer(found, None, ()))


def _failed(record: Record) -> Record:
    return failed(record)


def _unproven(record: Record) -> Record:
    return record.model_copy(update={"proof": Proof(status="failed")})


def _warned(record: Record) -> Record:
    return record.model_copy(update={"warnings": (Warned(code="counters", message="fvcore counts 3 % less"),)})


def _other_data(record: Record) -> Record:
    part = record.data["calibration"].model_copy(update={"sha256": "f" * 64})
    return record.model_copy(update={"data": {**record.data, "calibration": part}})


def _dirty(record: Record) -> Record:
    environment = record.environment
    assert environment is not None
    code = {**environment.harness, "dirty": True, "commit": "other"}
    return record.model_copy(update={"environment": environment.model_copy(update={"harness": code})})


def _other_machine(record: Record) -> Record:
    environment = record.environment
    assert environment is not None
    changed = environment.model_copy(update={"machine_class": "gpu-2", "software_class": "sw-2"})
    return record.model_copy(update={"environment": changed})


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (_failed, ["1 trial failed or was skipped"]),
        (_unproven, ["In 1 trial the removed network did not equal the masked one"]),
        (_warned, ["counters: fvcore counts 3 % less."]),
        (_other_data, ["The calibration part of digits has 2 different contents"]),
        (_dirty, ["uncommitted changes", "more than one commit"]),
        (_other_machine, ["Several machine classes", "Several software versions"]),
    ],
)
def test_a_weakness_of_one_record_is_told(change: Callable[[Record], Record], texts: list[str]) -> None:
    records = records_of(CLEAN)
    found = told(CLEAN, (*records[:-1], change(records[-1])))
    assert all(text in found for text in texts)


def test_equal_warnings_are_told_once_with_their_number() -> None:
    records = tuple(_warned(record) for record in records_of(CLEAN))
    found = told(CLEAN, records)
    assert found.count("fvcore counts 3 % less") == 1
    assert f"(the first of {len(records)})" in found


def test_a_warning_of_a_shared_cost_is_told_where_it_was_measured() -> None:
    def warn(record: Record) -> Record:
        measured = (
            m.model_copy(update={"warnings": ("counters disagree",)}) if m.metric == "macs" else m
            for m in record.measurements
        )
        return record.model_copy(update={"measurements": tuple(measured)})

    assert "macs: counters disagree (the first of 3)." in told(CLEAN, tuple(map(warn, records_of(CLEAN))))


def test_what_a_record_repeats_from_its_measurements_is_not_told_twice() -> None:
    repeated = (Warned(code="measurement_macs", message="counters disagree"),)
    records = tuple(record.model_copy(update={"warnings": repeated}) for record in records_of(CLEAN))
    assert "counters disagree" not in told(CLEAN, records)


def test_missing_left_out_and_damaged_files_are_counted(tmp_path: Path) -> None:
    records = records_of(CLEAN)
    store = stored(CLEAN, Store(tmp_path / "results"), records[:-2])
    path = store.write_record(records[-2])
    path.write_text("{")
    trial = records[-1].trial.model_copy(update={"id": "older-trial"})
    store.write_record(records[-1].model_copy(update={"trial": trial}))
    found = "\n".join(caveats(view(store, CLEAN.study)))
    assert f"2 trials of {len(records)} planned have no record yet." in found
    assert "1 trial on disk was left out" in found
    assert "1 damaged or unknown file set aside: entropy_vs_similarity/" in found


def test_what_was_measured_again_is_counted_once_however_many_show_it() -> None:
    found = told(CLEAN, tuple(changed(r, "latency_s", details={"attempts": 3}) for r in records_of(CLEAN)))
    structures = sum(
        m.metric == "latency_s" and m.shared_from is None for r in records_of(CLEAN) for m in r.measurements
    )
    assert f"{structures} measurements were taken again because of noise, up to 3 times in all" in found
    assert "taken again" not in told(CLEAN)


def test_an_absent_plan_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for record in records_of(CLEAN):
        store.write_record(record)
    assert "trials.json) is absent" in "\n".join(caveats(view(store, CLEAN.study)))
