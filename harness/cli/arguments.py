"""Arguments and options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

RESULTS, REPORTS = Path("results"), Path("reports")
StudyFileArgument = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.", show_default=False)]
SourceArgument = Annotated[
    Path, typer.Argument(metavar="STUDY.yaml", help="The study file, or a record.", show_default=False)
]
StudyArgument = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name of a study, or its file.", show_default=False)
]
Site = Annotated[Path | None, typer.Option("--site", metavar="FILE", help="Where it runs: device, executor, paths.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=value", help="Overrides a value of the study.")]
Gpu = Annotated[
    str | None,
    typer.Option("--gpu", metavar="NAME", help="What decoders take of such a GPU, or of `2xNAME`; exit 2 if too much."),
]
Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where records and artifacts are kept.")]
Reports = Annotated[Path, typer.Option("--reports", metavar="DIR", help="Where reports are written.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
Keep = Literal["newest", "records", "plans", "nothing"]  # as harness.clearing has it, which is not needed for help
