"""Where commits stand in a repository: an order of all, and what lies between two of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 60
# Parents before children, the commits of a branch together and before the merge that brought them.
QUESTION = ("log", "--topo-order", "--reverse", "--format=%H %P", "HEAD")


@dataclass(frozen=True)
class Line:
    """The commits behind a checkout: the place of each, and its first parent (of the first commit none)."""

    places: Mapping[str, int]
    parents: Mapping[str, str]

    def between(self, old: str, new: str) -> tuple[str, ...] | None:
        """The commits after `old` up to `new` along first parents, oldest first; None where none leads to the other."""
        found: list[str] = []
        at: str | None = new
        while at is not None and at != old:
            found.append(at)
            at = self.parents.get(at)
        return tuple(reversed(found)) if at == old else None


def line_of(folder: Path) -> Line | None:
    """The commits behind what is checked out in a folder; None where there is no repository, or no git."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *QUESTION],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if answer.returncode else line_from(answer.stdout)


def line_from(log: str) -> Line:
    """The line in git's words: a commit and its parents on each, oldest first."""
    commits = [words for line in log.splitlines() if (words := line.split())]
    places = {words[0]: place for place, words in enumerate(commits)}
    return Line(places, {words[0]: words[1] for words in commits if len(words) > 1})
