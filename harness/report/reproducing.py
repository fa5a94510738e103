"""What somebody needs to get the same: the commands, the code, the versions, and the study file as it was resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from harness.records import Environment
from harness.report.view import View
from harness.store import Store
from harness.tables.cells import NONE
from harness.tables.facts import ENVIRONMENT, counts
from harness.tables.table import Table

RESOLVED = "study.resolved.yaml"
MOST_BYTES = 1 << 17
CUT = f"# Cut here, as it is very long: {RESOLVED} beside the records has the rest.\n"
LIBRARIES = ("python", "torch", "timm", "transformers", "cuda")
# Folders of a machine are nobody's business: of an absolute path the name of the file is shown.
FOLDERS = re.compile(r"(?<![\w.~/-])(?:~?/|[A-Za-z]:[\\/])(?:[^\s'\"/\\]+[/\\])+")


def resolved_study(store: Store, study: str) -> str | None:
    """The study file with its defaults filled in, as the launcher wrote it; None where it is not there.

    Of a very long one the first lines, and that they are no more.
    """
    path = store.folder(study) / RESOLVED
    try:
        with path.open("rb") as stream:
            held = stream.read(MOST_BYTES + 1)
        is_cut = len(held) > MOST_BYTES
        text = (held[: held.rfind(b"\n") + 1] if is_cut else held).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return FOLDERS.sub("…/", text) + (CUT if is_cut else "")


def commands(view: View) -> str:
    """What to run, one command a line."""
    return f"{view.index.command}\npython -m harness report {view.index.study}"


def code_table(view: View) -> Table | None:
    """By commit and versions, how many trials were made with them; None where no record tells."""
    trials: dict[tuple[str, ...], int] = {}
    for told, count in counts(view.good[ENVIRONMENT]):
        key = tuple(_code(Environment.model_validate_json(told)))
        trials[key] = trials.get(key, 0) + count
    if not trials:
        return None
    used = [i for i, _ in enumerate(LIBRARIES) if any(key[2 + i] != NONE for key in trials)]
    header = ("harness", "commit", *(LIBRARIES[i] for i in used), "trials")
    rows = tuple((*key[:2], *(key[2 + i] for i in used), str(count)) for key, count in trials.items())
    return Table("code", "Code and versions", header, rows, is_numeric=False)


def _code(environment: Environment) -> Iterator[str]:
    told: Mapping[str, object] = environment.harness
    yield str(told.get("version") or NONE)
    dirty = " with uncommitted changes" if told.get("dirty") else ""
    yield f"{told.get('commit') or NONE}{dirty}"
    yield from (environment.versions.get(name, NONE) for name in LIBRARIES)
