"""The documentation is true: links lead somewhere, commands of the README run, examples run."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.reference.prose import anchor
from harness.study_file import read_yaml

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
EXAMPLES = [path for path in sorted(ROOT.glob("studies/*.yaml")) if read_yaml(path).get("example")]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^(?:\.venv/bin/)?python -m (harness .+)$", re.MULTILINE)
PYTHON = re.compile(r"^python (.+)$", re.MULTILINE)
SNIPPET = re.compile(r"^```(python|yaml|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```(?:console|sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.docs


def harness(arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One command of the documentation, on results and reports of its own."""
    words = shlex.split(arguments)[1:]
    places = {"run": ["--results", "--reports"], "report": ["--results", "--reports"], "doctor": [], "schema": []}
    flags = places.get(words[0], ["--results"]) if words[0] != "--help" else []
    own = [word for flag in flags for word in (flag, str(folder / flag.strip("-")))]
    command = [sys.executable, "-m", "harness", *words, *own]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)


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


@pytest.mark.parametrize("page", ["README.md", "docs/quick_start.md"])
def test_the_commands_run_in_their_order(page: str, tmp_path: Path) -> None:
    blocks = "\n".join(FENCE.findall((ROOT / page).read_text(encoding="utf-8")))
    commands = [c.partition("  #")[0].strip() for c in COMMAND.findall(blocks)]
    assert commands
    for command in commands:
        shorter = (
            f"{command} --set seeds=0 --set noise.remeasure=0 --limit 2"
            if command.startswith("harness run")
            else command
        )
        done = harness(shorter, tmp_path)
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


@pytest.mark.parametrize("study", EXAMPLES, ids=lambda study: study.stem)
def test_every_example_runs(study: Path, tmp_path: Path) -> None:
    done = harness(f"harness run {study} --set seeds=0 --set noise.remeasure=0 --limit 3", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "report:" in done.stdout
