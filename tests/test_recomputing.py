"""Exact numbers made anew: counts of any record, accuracy from the artifacts of the run, and nothing written there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_studies import run_here, small, written
from verifying import Plain, a_record, changed, restored

from harness.cli.verify import verify_folder
from harness.recomputing import Recomputed, Recomputer
from harness.record_file import read_record


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a study with accuracy."""
    home = tmp_path_factory.mktemp("finished")
    run_here(written(home, small(collectors=["accuracy", "macs", "params"])), home / "results")
    return home / "results"


@pytest.fixture
def results(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "results", symlinks=True)


def _recomputed(results: Path, path: Path, scratch: Path) -> Recomputed:
    return Recomputer([results / "artifacts"], {}, scratch).of(read_record(path))


def test_counts_and_accuracies_come_out_the_same_and_nothing_is_written(results: Path, tmp_path: Path) -> None:
    before = sorted(results.rglob("*"))
    found = _recomputed(results, a_record(results, "last"), tmp_path / "scratch")
    assert (found.findings, found.notes) == ((), ())
    assert found.numbers == 6  # MACs, parameters, top-1 and top-5 on validation and test
    assert sorted(results.rglob("*")) == before


def test_a_forged_accuracy_with_forged_outcomes_is_found_by_its_weights(results: Path, tmp_path: Path) -> None:
    path = a_record(results, "last")

    def forged(raw: Plain) -> None:
        for m in raw["measurements"]:
            if (m["metric"], m["split"]) == ("top1", "test"):
                m["value"], m["details"]["correct"] = 1.0, m["details"]["items"]
        raw["outcomes"] = []

    changed(path, forged)
    (sentence,) = _recomputed(results, path, tmp_path / "scratch").findings
    assert sentence.startswith("top1 test is 1.0, and its weights give 0.")
    assert verify_folder(results, True, None, as_json=False) == 1


def test_a_null_with_a_reason_is_held_against_nothing(results: Path, tmp_path: Path) -> None:
    path = a_record(results, "last")

    def null(raw: Plain) -> None:
        for m in raw["measurements"]:
            if (m["metric"], m["split"]) in (("top1", "test"), ("macs", None)):
                m.update(value=None, reason="not measurable")

    changed(path, null)
    found = _recomputed(results, path, tmp_path / "scratch")
    assert (found.findings, found.numbers) == ((), 4)


def test_damaged_weights_are_not_believed_and_not_touched(results: Path, tmp_path: Path) -> None:
    weights = next((results / "artifacts" / "prepare").glob("*/*/weights.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-8] + b"\0" * 8)
    found = _recomputed(results, a_record(results, "last"), tmp_path / "scratch")
    assert found.notes == ("accuracy was not made anew: its weights are not here",)
    assert weights.exists()


def test_counts_of_any_record_are_made_anew_from_its_architecture(tmp_path: Path) -> None:
    results = restored(tmp_path / "results")
    path = a_record(results)
    assert _recomputed(results, path, tmp_path / "scratch").numbers == 2

    def forged(raw: Plain) -> None:
        for m in raw["measurements"]:
            m["value"] = 5.0 if m["metric"] == "params" else m["value"]

    changed(path, forged)
    assert _recomputed(results, path, tmp_path / "scratch").findings == ("params is 5, and the network has 14,956,648",)
    changed(path, lambda raw: raw.update(removed=["blocks.99.mlp"]))
    assert _recomputed(results, path, tmp_path / "scratch").findings == (
        "removed names sublayers that its architecture does not have",
    )


def test_data_that_is_not_here_is_a_note(tmp_path: Path) -> None:
    results = restored(tmp_path / "results")
    path = a_record(results)
    changed(path, lambda raw: raw["trial"]["spec"].update(data={"name": "folder", "label": "mine"}))
    (note,) = _recomputed(results, path, tmp_path / "scratch").notes
    assert note.startswith("not made anew: ")
