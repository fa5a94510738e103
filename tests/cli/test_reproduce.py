"""`harness reproduce` as a user types it: what it prints, and its exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from builders import Plan, failed, records_of
from small_studies import TINY_MODEL, launched, records, small, written

from harness.cli import main
from harness.cli.reproduced import WIDTH, Reproduced, as_json, as_text
from harness.records import Measurement, Record
from harness.repetition.comparison import compare

RECORD = next(r for r in records_of(Plan()) if r.trial.criterion == "entropy")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-settings"))


def _called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["harness", "reproduce", *words])
    code = main()
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A candidate of a study without training and without noisy measurements."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)  # the project of a run is the checkout around it; here, as later, there is none
        launched(written(folder, small(models=[{**TINY_MODEL, "weights": "random"}])), folder / "results")
    (found,) = (r for runs in records(folder / "results", "small").values() for r in runs if not r.trial.is_baseline)
    return found


def _filed(folder: Path, record: Record) -> str:
    path = folder / "record.json"
    path.write_text(json.dumps(record.to_json()), encoding="utf-8")
    return path.name


def _found(new: Record, old: Record = RECORD) -> Reproduced:
    return Reproduced(old, new, compare(old, new, 0.05))


def test_a_record_that_comes_out_the_same_is_exit_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, recorded: Record
) -> None:
    code, out, err = _called(monkeypatch, capsys, _filed(tmp_path, recorded), "--keep", "kept")
    assert (code, err) == (0, "")
    assert re.search(r"^equal +macs +\d+ +the same$", out, re.MULTILINE)
    assert re.search(r"^reproduced: \d+ equal$", out, re.MULTILINE)
    assert "environment: the same commit, versions, machine, device, threads and variables" in out
    (kept,) = (tmp_path / "kept" / "small" / recorded.trial.id).glob("*.json")
    assert kept.stem in out


def test_a_record_that_was_tampered_with_is_exit_1_and_the_difference_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, recorded: Record
) -> None:
    changed = tuple(m.model_copy(update={"value": 7.0}) if m.metric == "params" else m for m in recorded.measurements)
    name = _filed(tmp_path, recorded.model_copy(update={"measurements": changed}))
    code, out, err = _called(monkeypatch, capsys, name, "--device", "cpu", "--json")
    assert (code, err) == (1, "")
    told = json.loads(out)
    assert (told["verdict"], told["exit_code"]) == ("different", 1)
    (finding,) = (f for f in told["findings"] if f["verdict"] == "different")
    assert (finding["what"], finding["recorded"]) == ("params", 7.0)


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 99}', "[]"])
def test_what_is_no_record_is_exit_2_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "record.json").write_text(text)
    code, out, err = _called(monkeypatch, capsys, "record.json")
    assert (code, out) == (2, "")
    assert err.startswith("record.json: ")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [["absent.json"], ["."], ["record.json", "--margin", "0"], ["record.json", "--site", "absent.yaml"]],
    ids=" ".join,
)
def test_what_the_user_can_put_right_is_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]
) -> None:
    _filed(tmp_path, RECORD)
    code, _, err = _called(monkeypatch, capsys, *words)
    assert code == 2
    assert "Traceback" not in err


def test_a_run_that_fails_before_anything_was_made_is_exit_3() -> None:
    nothing: dict[str, Any] = {"data": {}, "proof": None, "selection": None, "environment": None}
    early = failed(RECORD).model_copy(update={**nothing, "run": RECORD.run.model_copy(update={"stages": {}})})
    found = _found(early)
    assert found.exit_code == 3
    text = as_text(found, None)
    assert "the run here failed: the host ran out of memory" in text
    assert "environment: the run here ended before it was known" in text


def test_on_another_machine_it_is_said_that_raw_times_are_not_compared() -> None:
    assert RECORD.environment is not None
    elsewhere = RECORD.environment.model_copy(update={"machine_class": "gpu-1"})
    text = as_text(_found(RECORD.model_copy(update={"environment": elsewhere})), None)
    assert "raw times, memory and energy were not compared: another machine class (cpu-5f2c9a, here gpu-1)" in text
    assert re.search(r"^changed +machine_class +cpu-5f2c9a +gpu-1$", text, re.MULTILINE)


def test_both_values_of_a_difference_are_shown_to_the_last_digit() -> None:
    def of(value: float) -> Record:
        one = Measurement(metric="top1", unit="1", better="higher", kind="exact", split="test", value=value)
        return RECORD.model_copy(update={"measurements": (one,)})

    text = as_text(_found(of(0.9523809523809524), of(0.9523809523809523)), None)
    assert re.search(r"^different +top1 test +0\.9523809523809523 +0\.9523809523809524$", text, re.MULTILINE)


def test_no_line_is_wider_than_the_page() -> None:
    long = ("blocks.10.attn", "blocks.11.attn", "blocks.12.attn", "blocks.13.attn", "blocks.14.attn", "blocks.15.attn")
    slower = tuple(
        m.model_copy(update={"at": {**m.at, "warmup": 1, "rounds": 1, "pairs": 3, "revision": 3}})
        for m in RECORD.measurements
    )
    old = RECORD.model_copy(update={"measurements": slower})
    text = as_text(_found(old.model_copy(update={"removed": long}), old), None)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\n             here:     blocks.10.attn, blocks.11.attn" in text


def test_the_json_is_plain_and_names_what_was_compared() -> None:
    told = json.loads(json.dumps(as_json(_found(RECORD))))
    assert (told["verdict"], told["margin"], told["alpha"]) == ("reproduced", 0.05, 0.05)
    noisy = next(f for f in told["findings"] if f["what"] == "latency_s (batch 1): ratio to baseline")
    assert noisy["verdict"] == "equivalent"
    assert noisy["numbers"]["ratio"] == 1.0
