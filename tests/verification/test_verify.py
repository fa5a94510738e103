"""What is in order is called so; whatever is changed in a record is seen, though its checksum fits."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from verifying import REFERENCE, Plain, a_record, changed, restored, snapshot

from harness.cli.verify import verify_folder
from harness.errors import StoreError
from harness.packing import pack
from harness.record_lines import FILE
from harness.schema import digest
from harness.store import INDEX, Store
from harness.verification.places import MOST
from harness.verification.verdict import Checked
from harness.verification.verify import verify

STUDY = "runtimes_gpu"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return restored(tmp_path / "results")


def _wrong(folder: Path) -> list[Checked]:
    return [one for one in verify(folder).checked if one.state != "ok"]


def _measured(raw: Plain, metric: str) -> Any:
    return next(m for m in raw["measurements"] if m["metric"] == metric)


@pytest.mark.parametrize("study", [STUDY, "criterion_stability", "recovery_length", "lambda_vit"])
def test_the_reference_records_are_in_order(study: str) -> None:
    found = verify(REFERENCE / study)
    assert found.is_in_order
    assert set(found.counts()) == {"ok"}


def test_records_are_found_wherever_they_lie(results: Path) -> None:
    count = len(verify(snapshot(STUDY)).records)
    assert count == len(verify(results).records) == len(verify(results / STUDY).records) == 12
    one = a_record(results)
    assert [(r.trial, r.run) for r in verify(one).records] == [(one.parent.name, one.stem)]
    pack(Store(results), STUDY)
    assert len(verify(results).records) == 12
    assert verify(results).is_in_order


def _asking_for(trial: Plain, count: int) -> None:
    trial["spec"]["count"] = count
    trial["digest"] = digest(trial["spec"])


FORGERIES: dict[str, tuple[Callable[[Plain], Any], str]] = {
    "spec": (lambda r: r["trial"]["spec"].update(count=5), "trial.digest is 326093dc88f2, and that of its spec is"),
    "axis": (lambda r: r["trial"].update(criterion="entropy"), "trial.id is .* and its spec says"),
    "ratio": (lambda r: r["trial"].update(ratio=0.9), "trial.ratio is 0.9, and its spec says 0.5"),
    "baseline": (
        lambda r: r["trial"].update(baseline="deit_small-baseline-s0-0123456789ab"),
        "trial.baseline is .*and the digest of that trial would be 1a56202d01be",
    ),
    "removed": (lambda r: r["removed"].pop(), "recipe and removed do not agree: 6 places, 5 sublayers"),
    "order": (lambda r: r["selection"]["order"].reverse(), "removed are not the first 6 of the selection's order"),
    "macs": (lambda r: _measured(r, "macs").update(value=7.0), "macs is 7, and the proof found 3,204,538,368"),
    "flops": (lambda r: _measured(r, "flops").update(value=8.0), "flops is 8, and twice the MACs are 6,409,076,736"),
    "proof": (lambda r: r["proof"].update(params_found=1), "proof passed with 1 params where 14956648 were expected"),
    "difference": (lambda r: r["proof"].update(max_abs_difference=1.0), "proof passed with a difference of 1.0"),
    "no proof": (lambda r: r.update(proof=None), "removes something, and holds no proof"),
    "latency": (lambda r: _measured(r, "latency_s").update(value=1e-9), "latency_s .*and its samples give"),
    "throughput": (lambda r: _measured(r, "images_per_s").update(value=9e9), "images_per_s .*and its samples give"),
    "pairs": (lambda r: _measured(r, "latency_s")["baseline_samples"].pop(), "samples are paired with"),
    "null": (lambda r: _measured(r, "latency_s").update(value=None, samples=[], reason=None), "is null for no reason"),
    "machine": (lambda r: r["environment"]["machine"].update(gpus=["H300"]), "machine_class is a3c1976df9, and that"),
    "software": (lambda r: r["environment"]["versions"].update(torch="3.0"), "software_class is 284376b6b9, and that"),
    "times": (lambda r: r["run"].update(finished="2020-01-01T00:00:00+00:00"), "run.finished is before run.started"),
    "status": (lambda r: r.update(status="failed"), "status is failed, and there is no failure"),
    "unasked": (lambda r: r["run"]["asked"].clear(), "was measured, and nobody asked for it"),
    "its baseline": (lambda r: _measured(r, "macs")["details"].update(baseline=5), "macs of its baseline is 5 here"),
    "huge baseline": (
        lambda r: _measured(r, "macs")["details"].update(baseline=10**400),
        "macs of its baseline is inf here",
    ),
    "huge count": (
        lambda r: _measured(r, "latency_s")["details"].update(correct=10**400, items=1),
        "of 1 are correct",
    ),
    "huge removal": (lambda r: _asking_for(r["trial"], 10**400), "trial.spec is no trial's"),
    "name": (lambda r: r["run"].update(id="another"), "holds run another of trial .* and lies under another name"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_record_that_was_changed_with_its_checksum_is_suspect(results: Path, name: str) -> None:
    change, told = FORGERIES[name]
    path = a_record(results)
    changed(path, change)
    (one,) = _wrong(results)
    assert (one.state, one.place) == ("suspect", path.relative_to(results).as_posix())
    assert re.search(told, " | ".join(one.findings))


def test_outcomes_are_counted_again(tmp_path: Path) -> None:
    results = restored(tmp_path / "results", "criterion_stability")
    path = a_record(results, "entropy")

    def improved(raw: Plain) -> None:
        m = _measured(raw, "top1")
        m["details"]["correct"] += 1
        m["value"] = m["details"]["correct"] / m["details"]["items"]

    changed(path, improved)
    (one,) = _wrong(results)
    assert len(one.findings) == 1
    assert "are right, and the value is" in one.findings[0]
    changed(path, lambda raw: raw["outcomes"][0].update(data="AAAA"))
    assert "what is kept of the items cannot be unpacked" in " ".join(_wrong(results)[0].findings)


def test_a_shared_cost_is_held_against_the_run_that_measured_it(tmp_path: Path) -> None:
    results = restored(tmp_path / "results", "lambda_vit")
    path = next(p for p in sorted(results.glob("*/*/*.json")) if '"shared_from": {' in p.read_text())
    shared = next(m for m in json.loads(path.read_text())["measurements"] if m["shared_from"])
    changed(path, lambda raw: _measured(raw, shared["metric"]).update(value=1.0))
    assert "from which it was taken" in " ".join(_wrong(results)[0].findings)
    owner = results / "lambda_vit" / shared["shared_from"]["trial"] / f"{shared['shared_from']['run']}.json"
    owner.unlink()
    (one,) = (one for one in verify(results).records if one.place.endswith(path.name))
    assert any("which is not here" in note for note in one.notes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"schema": 1, "trial": {', "not JSON"),
        ('{"schema": 99, "trial": {}, "run": {}}', "schema 99 is newer than 1"),
        ('{"schema": 1, "trial": {}, "run": {}}', "its checksum does not fit"),
        ('{"schema": 1, "trial": NaN, "run": {}}', "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_record_is_unreadable_with_its_reason(results: Path, text: str, told: str) -> None:
    a_record(results).write_text(text)
    (one,) = _wrong(results)
    assert one.state == "unreadable"
    assert told in one.findings[0]


def test_a_changed_value_without_a_new_checksum_is_unreadable(results: Path) -> None:
    path = a_record(results)
    path.write_text(path.read_text().replace('"attempt": 1', '"attempt": 2'))
    assert [one.state for one in _wrong(results)] == ["unreadable"]


def test_links_pipes_and_giants_are_refused_unopened(results: Path, tmp_path: Path) -> None:
    place = a_record(results).parent
    (tmp_path / "secret.json").write_text("{}")
    (place / "link.json").symlink_to(tmp_path / "secret.json")
    (results / STUDY / "away").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(place / "pipe.json")
    with (place / "giant.json").open("wb") as stream:
        stream.truncate(1 << 27)
    told = {one.place.rpartition("/")[2]: one.findings[0] for one in _wrong(results)}
    assert set(told) == {"link.json", "away", "pipe.json", "giant.json"}
    assert told["away"] == told["link.json"]
    assert "is a link, and none is followed" in told["link.json"]
    assert told["pipe.json"] == "is no plain file"
    assert "is larger (134 MB) than any such file" in told["giant.json"]


def test_artifacts_on_another_disk_are_left_alone(results: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (results / "artifacts").symlink_to(tmp_path / "disk", target_is_directory=True)
    assert verify(results).is_in_order


@pytest.mark.parametrize("name", ["report", "tables", "figures", "logs", "jobs"])
def test_a_study_may_be_called_like_a_folder_of_another_kind(results: Path, name: str) -> None:
    (results / STUDY).rename(results / name)
    assert len(verify(results).records) == 12


def test_logs_and_jobs_of_a_study_are_passed_over(results: Path) -> None:
    for name in ("logs", "jobs"):
        (results / STUDY / name).mkdir()
        (results / STUDY / name / "job.json").write_text("{")
    assert verify(results).is_in_order


def test_what_lies_too_deep_to_be_read_is_refused(results: Path, tmp_path: Path) -> None:
    deep = tmp_path.joinpath("in", *"abcdefg")
    deep.parent.mkdir(parents=True)
    results.rename(deep)
    (one,) = verify(tmp_path / "in").checked
    assert (one.place, one.state) == ("a/b/c/d/e/f/g", "unreadable")
    assert "lies deeper than 6 folders" in one.findings[0]


def test_a_giant_in_a_pack_is_not_read(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(Store(results), STUDY)
    monkeypatch.setitem(MOST, "record", 20_000)
    assert {one.findings[0].partition(" (")[0] for one in _wrong(results)} == {"is larger"}


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.record_lines.MOST_LINE", 1 << 16)
    (tmp_path / FILE).write_bytes(gzip.compress(b" " * (1 << 20)))
    (one,) = _wrong(tmp_path)
    assert "unpacks to more than" in one.findings[0]


def test_an_empty_snapshot_is_not_in_order(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(gzip.compress(b""))
    (one,) = _wrong(tmp_path)
    assert (one.what, one.findings) == ("plan", ["it does not begin with the plan of a study"])


def test_a_snapshot_that_is_cut_short_keeps_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(snapshot(STUDY).read_bytes()[:-2_000])
    found = verify(tmp_path)
    assert len([one for one in found.records if one.state == "ok"]) > 5
    assert [one.findings for one in found.checked if one.state != "ok"] == [["it is damaged or was cut short"]]


def test_a_plan_that_was_changed_is_told(results: Path) -> None:
    path = results / STUDY / INDEX
    path.write_text(path.read_text().replace('"count": 6', '"count": 7', 1))
    (one,) = _wrong(results)
    assert (one.what, one.state) == ("plan", "unreadable")
    assert "its checksum does not fit" in one.findings[0]


def test_exit_codes_and_words(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_folder(results, False, None, as_json=False) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "12 records: 12 ok"
    changed(a_record(results), FORGERIES["macs"][0])
    assert verify_folder(results, False, None, as_json=False) == 1
    out = capsys.readouterr().out
    assert "suspect" in out
    assert out.splitlines()[-1] == "12 records: 11 ok, 1 suspect"
    assert verify_folder(results, False, None, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["counts"] == {"ok": 11, "suspect": 1}
    (tmp_path / "empty").mkdir()
    assert verify_folder(tmp_path / "empty", False, None, as_json=False) == 3
    with pytest.raises(StoreError, match="no such file or folder"):
        verify_folder(tmp_path / "absent", False, None, as_json=False)
