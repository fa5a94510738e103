"""Artifacts where the site file puts them: found by every command, and never in two places."""

from __future__ import annotations

from pathlib import Path

import pytest
from given_files import config, npz_folder
from small_studies import records, run_here, small, written

from harness.datasets.base import datasets
from harness.errors import SpecError, StoreError
from harness.export import export
from harness.gathering import merge
from harness.plan import make_plan
from harness.roots import foreign_owner, place_artifacts
from harness.schema import Options
from harness.study_file import load_study


def test_a_link_leads_to_a_folder_of_its_own(tmp_path: Path) -> None:
    first, second = tmp_path / "a/results", tmp_path / "b/results"
    homes = [place_artifacts(results, tmp_path / "large").resolve() for results in (first, second, first)]
    assert homes[0] == homes[2] != homes[1]
    assert homes[0].parent == tmp_path / "large"
    assert place_artifacts(first, None).resolve() == homes[0]
    assert foreign_owner(first) is None


def test_without_a_word_artifacts_lie_with_the_records(tmp_path: Path) -> None:
    assert place_artifacts(tmp_path, None) == tmp_path / "artifacts"
    assert list(tmp_path.iterdir()) == []


def test_inventories_go_along_and_artifacts_do_not(tmp_path: Path) -> None:
    inventory = tmp_path / "results/artifacts/inventory/a.json"
    inventory.parent.mkdir(parents=True)
    inventory.write_text("{}")
    home = place_artifacts(tmp_path / "results", tmp_path / "large").resolve()
    assert (home / "inventory/a.json").read_text() == "{}"
    (tmp_path / "other/artifacts/prepare").mkdir(parents=True)
    with pytest.raises(SpecError, match=r"paths\.artifacts: artifacts lie in other/artifacts already; .* mv .*other"):
        place_artifacts(tmp_path / "other", tmp_path / "large")


def test_artifacts_are_never_in_two_places(tmp_path: Path) -> None:
    place_artifacts(tmp_path / "results", tmp_path / "large")
    with pytest.raises(SpecError, match="the artifacts lie in another place"):
        place_artifacts(tmp_path / "results", tmp_path / "larger")


def test_a_disk_that_is_gone_is_told_and_one_that_was_swept_is_used_again(tmp_path: Path) -> None:
    home = place_artifacts(tmp_path / "results", tmp_path / "large").resolve()
    for path in home.iterdir():
        path.unlink()
    home.rmdir()
    with pytest.raises(StoreError, match="results/artifacts: leads to a folder that is not there"):
        place_artifacts(tmp_path / "results", None)
    assert place_artifacts(tmp_path / "results", tmp_path / "large").is_dir()
    home.rmdir()
    assert place_artifacts(tmp_path / "results", tmp_path / "new").resolve().parent == tmp_path / "new"


def test_a_copied_results_folder_is_not_the_owner(tmp_path: Path) -> None:
    home = place_artifacts(tmp_path / "results", tmp_path / "large").resolve()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/artifacts").symlink_to(home)
    assert foreign_owner(tmp_path / "copy") == str(tmp_path / "results")


def test_a_label_of_data_is_no_folder_of_harness(tmp_path: Path) -> None:
    data = {"name": "npz", "label": "scratch"}
    file = load_study(written(tmp_path, small(data=data, paths={"scratch": "there"})))
    with pytest.raises(SpecError, match=r"data\.label: 'scratch' names a folder of harness"):
        make_plan(file, tmp_path / "results")


def test_data_are_staged_to_a_place_that_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"stage_data: needs a folder on the nodes"):
        make_plan(load_study(written(tmp_path, small(stage_data=True))), tmp_path / "results")


def test_a_study_keeps_artifacts_and_data_elsewhere_and_everything_finds_them(tmp_path: Path) -> None:
    home = npz_folder(tmp_path / "there")
    data: Options = {"name": "npz", "label": "mine", "splits": {"calibration": 10, "validation": 10}}
    paths = {"mine": "there", "artifacts": "large", "scratch": "near"}
    run_here(written(tmp_path, small(data=data, paths=paths, stage_data=True)), tmp_path / "results")
    assert list((tmp_path / "large").glob("results-*/prepare/*/*/weights.safetensors"))
    assert len(list((tmp_path / "near").glob("harness-*/mine-*/train.npz"))) == 1
    found = records(tmp_path / "results", "small")
    runs = [run for of_trial in found.values() for run in of_trial]
    assert {run.status for run in runs} == {"ok"}
    assert str(tmp_path) not in "".join(run.model_dump_json() for run in runs)
    part = datasets.create(data, "data").load({"mine": home}, config()).info()["test"]
    assert {run.data["test"].sha256 for run in runs} == {part.sha256}
    export(tmp_path / "results", next(iter(found)), tmp_path / "home")
    assert merge(tmp_path / "results", tmp_path / "elsewhere").artifacts == len(
        list((tmp_path / "large").glob("results-*/*/*/*/manifest.json"))
    )
