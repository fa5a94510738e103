"""The verdict of a gate as JUnit XML, which continuous integration shows as tests: one for each part of each trial."""

from __future__ import annotations

from xml.etree import ElementTree

from harness.compare.words import change, reason, values
from harness.regressions.finding import MARKS, Finding
from harness.regressions.gate import Gate
from harness.tables.table import UNSEEN


def junit(gate: Gate, study: str) -> str:
    """A suite of the study; what is worse has failed, what is unknown was skipped."""
    found, failed = gate.comparison.findings, set(map(id, gate.regressions))
    skipped = [f for f in gate.comparison.marked("?") if id(f) not in failed]
    numbers = {"tests": len(found), "failures": len(failed), "errors": 0, "skipped": len(skipped)}
    shown = {name: str(number) for name, number in numbers.items()}
    root = ElementTree.Element("testsuites", {"name": "harness check", **shown})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _plain(study), **shown})
    for finding in found:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": _plain(f"{study}.{finding.trial}"), "name": _plain(finding.what), "time": "0"},
        )
        if id(finding) in failed:
            told = ElementTree.SubElement(case, "failure", {"message": _plain(_said(finding)), "type": "regression"})
            told.text = _plain(reason(finding))
        elif finding.mark == "?":
            ElementTree.SubElement(case, "skipped", {"message": _plain(finding.note)})
    ElementTree.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ElementTree.tostring(root, encoding='unicode')}\n"


def _said(finding: Finding) -> str:
    first, second = values(finding)
    return f"{MARKS[finding.mark]}: {first} before, {second} now {change(finding)}".rstrip()


def _plain(text: str) -> str:
    """Without what XML cannot hold."""
    return UNSEEN.sub(" ", text)
