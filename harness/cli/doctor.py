"""`harness doctor`: what this machine can measure, what not, and why."""

from __future__ import annotations

import dataclasses
import json

import typer

from harness.cli.exits import FINE
from harness.doctor import doctor_findings


def show_findings(as_json: bool) -> int:
    """Prints one line per ability."""
    findings = doctor_findings()
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=1))
        return FINE
    for finding in findings:
        typer.echo(f"{'yes' if finding.can else 'no ':<4} {finding.what:<28} {finding.why}")
    return FINE
