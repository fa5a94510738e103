"""Every page of the documentation that is made from the code, by its place under `docs/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.reference.columns import columns
from harness.reference.commands import commands
from harness.reference.linter import linter
from harness.reference.plugins import plugins
from harness.reference.record import record
from harness.reference.study_keys import study_keys

PAGES: Mapping[str, Callable[[], str]] = {
    "linter.md": linter,
    "reference/commands.md": commands,
    "reference/study_keys.md": study_keys,
    "reference/plugins.md": plugins,
    "reference/record.md": record,
    "reference/columns.md": columns,
}
