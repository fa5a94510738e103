"""The command line: arguments in, progress and words out, exit codes; the only place that prints or exits."""

from __future__ import annotations

from harness.cli.entry import main

__all__ = ["main"]
