"""`harness fetch`: weights and data brought here ahead, for machines without a network."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.cli.exits import FINE, USER
from harness.errors import HarnessError
from harness.fetching import Need, fetched, needs_of_record, needs_of_study
from harness.pretrained import stay_silent
from harness.record_file import read_record
from harness.site import Site
from harness.site_file import read_site
from harness.study_file import load_study
from harness.wording import counted

RECORD = ".json"


def fetch_all(source: Path, site: Path | None, overrides: list[str]) -> int:
    """One line for each thing that a study or a record needs; what cannot come is exit 2."""
    stay_silent()
    needs, where = _asked(source, site, overrides)
    paths = {label: Path(folder) for label, folder in where.paths.items()}
    lacking = 0
    for found in fetched(needs, paths):
        lacking += found.state == "absent"
        typer.echo(f"{found.state:<7} {found.what}: {found.detail}", err=found.state == "absent")
    if lacking:
        typer.echo(f"{counted(lacking, 'thing')} could not be brought here", err=True)
    return USER if lacking else FINE


def _asked(source: Path, site: Path | None, overrides: list[str]) -> tuple[list[Need], Site]:
    if source.suffix != RECORD:
        file = load_study(source, overrides, site)
        return needs_of_study(file), file.site
    if overrides:
        raise HarnessError("--set: is for a study; a record stands as it is")
    return needs_of_record(read_record(source)), read_site(site)
