"""What a machine can measure, in plain findings: the same questions everywhere, and advice where the answer is no."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.doctor import WIDTH, lines_of, show_findings
from harness.doctor import Finding, doctor_findings


@pytest.fixture(scope="module")
def found() -> list[Finding]:
    return doctor_findings()


def test_every_finding_has_a_fact_behind_it(found: list[Finding]) -> None:
    assert all(finding.what and finding.why for finding in found)
    assert len({finding.what for finding in found}) == len(found)


def test_what_cannot_be_done_comes_with_advice(found: list[Finding]) -> None:
    assert [finding.what for finding in found if not finding.can and not finding.improve] == []


def test_data_is_asked_for_by_its_label(tmp_path: Path) -> None:
    found = doctor_findings({"here": tmp_path, "gone": tmp_path / "gone"})
    assert {finding.what: finding.can for finding in found if "data" in finding.what} == {
        "data 'here'": True,
        "data 'gone'": False,
    }


def test_a_script_gets_a_list_of_four_plain_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_findings(as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert {tuple(entry) for entry in told} == {("what", "can", "why", "improve")}
    assert {tuple(type(value).__name__ for value in entry.values()) for entry in told} <= {
        ("str", "bool", "str", "str"),
        ("str", "bool", "str", "NoneType"),
    }


def test_a_person_gets_lines_that_fit_a_terminal(found: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    assert show_findings(as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        "yes" if finding.can else "no" for finding in found
    ]


def test_an_answer_and_its_advice_are_wrapped_and_advice_is_given_once() -> None:
    advice = "ask somebody who knows about it, and when you have done that ask somebody else as well"
    findings = [
        Finding("one", True, "it is there"),
        Finding("two", False, "gone", advice),
        Finding("3", False, "x", advice),
    ]
    assert lines_of(findings) == [
        "yes  one                         it is there",
        "no   two                         gone",
        "     -> ask somebody who knows about it, and when you have done that ask",
        "        somebody else as well",
        "no   3                           x",
    ]


def test_no_name_overruns_its_column(found: list[Finding]) -> None:
    assert all(len(finding.what) <= 27 for finding in found)


def test_without_torch_the_same_questions_are_answered(found: list[Finding]) -> None:
    program = (
        "import json, sys, dataclasses; sys.modules['torch'] = None\n"
        "import importlib.util as util; real = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'torch' else real(name, package)\n"
        "from harness.doctor import doctor_findings\n"
        "print(json.dumps([dataclasses.asdict(finding) for finding in doctor_findings()]))"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    told = [Finding(**entry) for entry in json.loads(ended.stdout)]
    assert [finding.what for finding in told] == [finding.what for finding in found]
    without = {finding.what: finding.why for finding in told if "torch is not installed" in finding.why}
    assert {"threads without crowding", "GPU timings and memory", "GPU energy"} <= set(without)
    assert [dataclasses.asdict(finding) for finding in told if not finding.can and not finding.improve] == []
