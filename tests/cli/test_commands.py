"""The command line: every command's help, its words, and the exit codes that scripts rely on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from small_studies import STUDIES, small, written
from typer.main import get_command

from harness.cli import app as commands
from harness.cli import main
from harness.errors import SpecError
from harness.store import Store

COMMANDS = (
    "run", "plan", "validate", "status", "watch", "cancel", "logs", "merge", "report", "list", "schema", "doctor",
    "export", "tabulate", "reproduce", "fetch", "gc", "pack", "history", "verify", "archive", "plot", "table",
    "compare", "snapshot", "check",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-settings"))


def _called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["harness", *words])
    code = main()
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_commands_are_those_of_the_design() -> None:
    assert set(get_command(commands.app).commands) == set(COMMANDS)  # type: ignore[attr-defined]  # a group


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code, out, _ = _called(monkeypatch, capsys, name, "--help")
    assert code == 0
    assert f"{name} [OPTIONS]" in out


def test_a_fine_file_is_exit_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _called(monkeypatch, capsys, "validate", str(STUDIES / "smoke.yaml"))
    assert (code, err) == (0, "")
    assert "fine: 4 candidates and 1 baseline of 1 model" in out


def test_a_bad_file_is_exit_2_and_says_that_nothing_was_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = written(tmp_path, small(counts=[0], criteria=["lst"]))
    for command in ("run", "plan", "validate"):
        code, out, err = _called(monkeypatch, capsys, command, path.name)
        assert (code, out) == (2, "")
        assert "study.yaml: criteria.0.name: unknown criterion 'lst'; did you mean 'last'?" in err
        assert err.endswith("1 problem; nothing was run\n")
    assert not (tmp_path / "results" / "small").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["fly"],
        ["run"],
        ["run", "absent.yaml"],
        ["run", "--limit", "0", str(STUDIES / "smoke.yaml")],
        ["run", "--fresh", "everything", str(STUDIES / "smoke.yaml")],
        ["run", "--device", "gpu", str(STUDIES / "smoke.yaml")],
        ["run", "--executor", "cloud", str(STUDIES / "smoke.yaml")],
        ["run", "--site", "absent.yaml", str(STUDIES / "smoke.yaml")],
        ["list", "planets"],
        ["status", "absent"],
        ["status", "../absent"],
        ["report", "no study"],
        ["report", "artifacts"],
    ],
    ids=" ".join,
)
def test_what_the_user_can_put_right_is_exit_2_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    code, _, err = _called(monkeypatch, capsys, *words)
    assert code == 2
    assert err.strip()
    assert "Traceback" not in err


def test_a_gpu_that_is_not_there_is_exit_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    code, _, err = _called(monkeypatch, capsys, "run", "--device", "cuda", str(STUDIES / "smoke.yaml"))
    assert code == 2
    assert "'cuda' was asked for and this machine has no usable GPU; 'auto' takes what is there" in err


def test_a_report_of_nothing_is_exit_3(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _called(monkeypatch, capsys, "report", "absent")
    assert code == 3
    assert "no record" in err


def test_a_bug_is_exit_4_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("harness.cli.schema.study_schema", lambda: 1 / 0)
    code, _, err = _called(monkeypatch, capsys, "schema")
    assert code == 4
    assert "ZeroDivisionError" in err
    assert "bug of harness" in err


def test_ctrl_c_is_exit_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.cli.schema.study_schema", interrupted)
    assert _called(monkeypatch, capsys, "schema")[0] == 130


def test_a_plan_shows_trials_and_bounds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _called(monkeypatch, capsys, "plan", str(STUDIES / "smoke.yaml"))
    assert code == 0
    assert "smoke: 5 trials: 0 done, 5 new, 0 failed" in out
    assert re.search(r"evaluate +at most 5", out)
    assert re.search(r"prepare +1$", out, re.MULTILINE)


def test_a_plan_is_json_for_scripts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _called(monkeypatch, capsys, "plan", "--json", str(STUDIES / "smoke.yaml"))
    found = json.loads(out)
    assert code == 0
    assert found["counts"] == {"done": 0, "failed": 0, "new": 5}
    assert found["at_most"] == ["evaluate", "cost"]
    assert {trial["state"] for trial in found["trials"]} == {"new"}
    assert all(trial["missing"] for trial in found["trials"])


@pytest.mark.parametrize(
    "kind", ["criteria", "searches", "collectors", "recoveries", "datasets", "targets", "executors"]
)
def test_what_a_study_can_name_is_listed_with_a_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    code, out, _ = _called(monkeypatch, capsys, "list", kind)
    assert code == 0
    assert all(len(line.split()) > 2 for line in out.splitlines())


def test_a_command_for_reports_names_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [
        "harness",
        "run",
        "/home/me/my study.yaml",
        "--results=/data/r",
        "--set",
        "paths.a=/data/a",
        "--retry-failed",
    ]
    monkeypatch.setattr("sys.argv", words)
    assert commands._command() == "python -m harness run 'my study.yaml' --results=r --set paths.a=a"


@pytest.mark.slow
def test_a_study_runs_reports_and_has_nothing_left_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = written(tmp_path, small())
    code, out, err = _called(monkeypatch, capsys, "run", path.name, "--device", "cpu")
    assert (code, err) == (0, "")
    assert "2 of 2 trials to run (inline, device cpu)" in out
    assert out.splitlines()[-1] == f"report: {Path('reports/small/index.html')}"
    assert (tmp_path / "reports" / "small" / "index.html").is_file()
    code, out, _ = _called(monkeypatch, capsys, "run", path.name, "--device", "cpu")
    assert code == 0
    assert "small: all 2 trials are done; nothing to run" in out
    code, out, _ = _called(monkeypatch, capsys, "status", path.name)
    assert (code, out) == (0, "small: 2 trials: 2 done, 0 failed, 0 new, 0 running\n")
    code, out, _ = _called(monkeypatch, capsys, "status", "small", "--json")
    assert set(json.loads(out)["trials"].values()) == {"done"}
    assert len(Store(tmp_path / "results").records("small")) == 2


def test_a_study_given_as_a_file_without_a_name_is_told(tmp_path: Path) -> None:
    from harness.cli.report import study_name

    with pytest.raises(SpecError, match="study: is required"):
        study_name(str(written(tmp_path, {"data": "digits"})))


def test_the_doctor_tells_whether_data_folders_can_be_read_and_never_where_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    held, missing = tmp_path / "secret" / "held", tmp_path / "secret" / "missing"
    held.mkdir(parents=True)
    Path("site.yaml").write_text(f"paths: {{imagenet: {held}, imagenet_a: {missing}}}\n")
    code, out, _ = _called(monkeypatch, capsys, "doctor", "--site", "site.yaml")
    assert code == 0
    told = {line.split("'")[1]: line[:3] for line in out.splitlines() if " data '" in line}
    assert told == {"imagenet": "yes", "imagenet_a": "no "}
    assert "secret" not in out
