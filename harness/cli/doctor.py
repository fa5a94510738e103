"""`harness doctor`: what this machine can measure, what not, why, and how to improve it."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path

import typer

from harness.cli.exits import FINE
from harness.doctor import Finding, doctor_findings
from harness.site_file import read_site

WIDTH, ANSWER, NAME = 80, 5, 27


def show_findings(as_json: bool, site: Path | None = None) -> int:
    """Prints every ability with the fact behind it and, after an arrow, what would make it better."""
    paths = {label: Path(folder) for label, folder in read_site(site).paths.items()}
    findings = doctor_findings(paths)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=1))
    else:
        typer.echo("\n".join(lines_of(findings)))
    return FINE


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """Findings on lines of at most `WIDTH` characters; advice that holds for several is given once."""
    lines: list[str] = []
    given: set[str] = set()
    for finding in findings:
        head = f"{'yes' if finding.can else 'no':<{ANSWER}}{finding.what:<{NAME}} "
        lines += textwrap.wrap(finding.why, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
        if finding.improve and finding.improve not in given:
            given.add(finding.improve)
            arrow = " " * ANSWER + "-> "
            lines += textwrap.wrap(finding.improve, WIDTH, initial_indent=arrow, subsequent_indent=" " * len(arrow))
    return lines
