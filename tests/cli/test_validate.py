"""`harness validate`: warnings of the linter beside problems, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_studies import STUDIES, small, written

from harness.cli import main

SMOKE = str(STUDIES / "smoke.yaml")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-settings"))


def _validated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["harness", "validate", *words])
    code = main()
    said = capsys.readouterr()
    return code, said.out, said.err


def test_warnings_name_the_rule_its_source_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _validated(monkeypatch, capsys, SMOKE)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    at = lines.index(f"{SMOKE}: warning: few_pairs: 1 pair of a model and data: tiny on digits")
    demand = "at least 3 pairs of a model and data (Blalock et al. 2020, section 6)"
    assert lines[at + 1] == f"    {demand}: add models, or data for them"
    assert lines[-1].startswith(f"{out.count(': warning: ')} warnings by ")


def test_strict_makes_a_warning_the_users_to_fix_unless_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = _validated(monkeypatch, capsys, SMOKE, "--strict", "--json")
    rules = [one["rule"] for one in json.loads(out)["rules"] if one["heeded"] is False]
    assert code == 2
    assert "one_seed" in rules
    allowing = [word for rule in rules for word in ("--allow", rule)]
    assert _validated(monkeypatch, capsys, SMOKE, "--strict", *allowing)[0] == 0
    assert _validated(monkeypatch, capsys, SMOKE, "--strict", *allowing[2:])[0] == 2


def test_a_rule_that_is_not_there_cannot_be_allowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _validated(monkeypatch, capsys, SMOKE, "--strict", "--allow", "one_sed")
    assert (code, out) == (2, "")
    assert "--allow: unknown rule 'one_sed'; did you mean 'one_seed'?" in err


def test_problems_are_json_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = written(tmp_path, small(counts=[0], criteria=["lst"]))
    code, out, err = _validated(monkeypatch, capsys, path.name, "--json")
    assert (code, err) == (2, "")
    assert json.loads(out)["problems"][0].startswith("study.yaml: criteria.0.name: unknown criterion 'lst'")
