"""The documentation as a site: built strictly, whole, and readable from a file without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OUTSIDE = re.compile(r"""<(?:script|img|link|iframe)[^>]*?(?:src|href)=["']?(?:https?:)?//""")

pytestmark = [pytest.mark.docs, pytest.mark.xdist_group("site")]  # one process builds it


@pytest.fixture(scope="module")
def site() -> Path:
    """Where `mkdocs.yml` has it."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "build" / "site"


def test_every_page_of_the_documentation_is_on_the_site(site: Path) -> None:
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").glob("**/*.md")]
    assert pages
    assert [page for page in pages if not (site / page).is_file()] == []


@pytest.mark.parametrize(
    "page",
    ["CHANGELOG.html", "SECURITY.html", "studies/fashion.yaml.html", "studies/full/index.html", "decisions/index.html"],
)
def test_what_pages_link_to_outside_is_there_too(site: Path, page: str) -> None:
    assert (site / page).is_file()


def test_the_site_asks_for_nothing_from_outside(site: Path) -> None:
    asking = [path.name for path in site.glob("**/*.html") if OUTSIDE.search(path.read_text(encoding="utf-8"))]
    assert asking == []


def test_formulas_are_drawn_without_a_script(site: Path) -> None:
    text = (site / "criteria.html").read_text(encoding="utf-8")
    assert text.count("<math") > 50
    assert "arithmatex" not in text
