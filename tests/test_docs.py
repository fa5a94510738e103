"""The documentation is true: links lead somewhere, commands of the README run, examples run."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.reference.prose import anchor
from harness.study_file import read_yaml

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
STARTS = ["README.md", "docs/quick_start.md"]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^(?:\.venv/bin/)?python -m (harness .+)$", re.MULTILINE)
PYTHON = re.compile(r"^python (.+)$", re.MULTILINE)
SNIPPET = re.compile(r"^```(python|yaml|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```(?:console|sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)

SHORTER = "--set seeds=0 --set noise.remeasure=0 --limit 3"  # a study of the documentation, cut to seconds

pytestmark = pytest.mark.docs
together = pytest.mark.xdist_group("commands")  # one process runs what several pages tell to run

Harness = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """Runs a command of the documentation, on results and reports of its own, and each only once."""
    folder = tmp_path_factory.mktemp("documentation")

    @cache
    def run(arguments: str) -> subprocess.CompletedProcess[str]:
        words = shlex.split(arguments)[1:]
        places = {"run": ["--results", "--reports"], "report": ["--results", "--reports"], "doctor": [], "schema": []}
        flags = places.get(words[0], ["--results"]) if words[0] != "--help" else []
        own = [word for flag in flags for word in (flag, str(folder / flag.strip("-")))]
        command = [sys.executable, "-m", "harness", *words, *own]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)

    return run


def commands_of(page: str) -> list[str]:
    """What a page tells to run, in its order."""
    blocks = "\n".join(FENCE.findall((ROOT / page).read_text(encoding="utf-8")))
    found = [c.partition("  #")[0].strip() for c in COMMAND.findall(blocks)]
    return [f"{c} {SHORTER}" if c.startswith("harness run") else c for c in found]


def examples() -> list[Any]:
    """Every study marked as an example, as parameters; one that a page runs too runs where that page is followed."""
    run = [command for page in STARTS for command in commands_of(page)]
    paths = [path for path in sorted(ROOT.glob("studies/*.yaml")) if read_yaml(path).get("example")]
    return [
        pytest.param(study, id=path.stem, marks=[together] if f"harness run {study} {SHORTER}" in run else [])
        for path in paths
        for study in [str(path.relative_to(ROOT))]
    ]


def anchors(page: Path) -> set[str]:
    return {*map(anchor, re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        place, _, anchor = target.partition("#")
        file = (page.parent / place).resolve() if place else page
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name}: no heading for {target}"


@together
@pytest.mark.parametrize("page", STARTS)
def test_the_commands_run_in_their_order(page: str, harness: Harness) -> None:
    commands = commands_of(page)
    assert commands
    for command in commands:
        done = harness(command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def followed(page: Path, folder: Path) -> dict[str, Any]:
    """A page done from top to bottom in a folder; gives what its Python has named.

    Blocks that begin with a file's name are that file; the others run where they stand.
    """
    names: dict[str, Any] = {}
    for kind, text in SNIPPET.findall(page.read_text(encoding="utf-8")):
        named = re.match(r"# (my_\w+\.(?:py|yaml))\n", text)
        if named:
            (folder / named[1]).write_text(text, encoding="utf-8")
        elif kind == "python":
            with contextlib.chdir(folder):
                exec(compile(text, page.name, "exec", dont_inherit=True), names)
        else:
            for command in PYTHON.findall(text):
                words = [sys.executable, *shlex.split(command)]
                done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
                assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return names


def test_the_page_about_ones_own_runs_from_top_to_bottom(tmp_path: Path) -> None:
    assert followed(ROOT / "docs" / "own.md", tmp_path)["logits"].shape == (1, 10)


def test_the_tutorial_runs_from_top_to_bottom(tmp_path: Path) -> None:
    names = followed(ROOT / "docs" / "tutorial.md", tmp_path)
    assert len(names["table"]) == 9
    assert sum("attn" in name for name, _ in names["smaller"].named_modules()) < 4 * 8
    assert (tmp_path / "reports" / "my_study" / "index.html").is_file()


@pytest.mark.parametrize("study", examples())
def test_every_example_runs(study: str, harness: Harness) -> None:
    done = harness(f"harness run {study} {SHORTER}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "report:" in done.stdout
