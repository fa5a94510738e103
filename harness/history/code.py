"""The state of the code that a record was made with: commits, versions, and where it stands among others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.history.commits import Line
from harness.records import Environment
from harness.repetition.surroundings import changes
from harness.schema import Json

SHORT = 8  # digits of a commit that are shown
COMMITS = ("harness.commit", "project.commit", "harness.dirty", "project.dirty")


@dataclass(frozen=True)
class Code:
    """What is pooled into one point: equal commits of harness and project, equally clean, and equal software.

    `commit` is the one that a repository at hand knows, else the project's, else that of harness.
    """

    commit: str | None
    other_commit: str | None
    is_dirty: bool
    version: str
    software_class: str
    place: int | None = None

    @property
    def label(self) -> str:
        """Commit or version as a figure names it; `+` says that files were changed since."""
        name = self.commit[:SHORT] if self.commit else f"harness {self.version}"
        return name + "+" * self.is_dirty


def code_of(made: Environment, line: Line | None) -> Code:
    """The state of the code in an environment; `line` is the repository at hand."""
    commits = [_text(made.project.get("commit")), _text(made.harness.get("commit"))]
    known = [commit for commit in commits if commit is not None]
    placed = [commit for commit in known if line is not None and commit in line.places]
    commit = next(iter(placed or known), None)
    return Code(
        commit=commit,
        other_commit=next((one for one in known if one != commit), None),
        is_dirty=made.project.get("dirty") is True or made.harness.get("dirty") is True,
        version=_text(made.harness.get("version")) or "unknown",
        software_class=made.software_class,
        place=line.places[commit] if line is not None and commit in placed else None,
    )


def ordering(codes: Iterable[Code], line: Line | None) -> tuple[bool, str]:
    """Whether points stand in the order of commits, and a sentence that says so or why they do not."""
    held = set(codes)
    strangers = {code.label for code in held if code.place is None}
    if line is None:
        return False, "in order of time: no git repository is at hand here"
    if strangers:
        shown = ", ".join(sorted(strangers)[:3]) + (", ..." if len(strangers) > 3 else "")
        return False, f"in order of time: not behind the commit that is checked out here: {shown}"
    return True, "in the order of commits"


def also_changed(old: Environment, new: Environment) -> tuple[str, ...]:
    """Every fact of the environment that changed beside the commit: `torch 2.9.0 -> 2.10.0`."""
    found = (change for change in changes(old, new) if change.what not in COMMITS)
    return tuple(f"{c.what.removeprefix('versions.')} {_short(c.recorded)} -> {_short(c.here)}" for c in found)


def _short(value: Json) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
