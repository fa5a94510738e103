"""The documentation as a reader meets it who opened it as a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from browsers import MARKS, started

ROOT = Path(__file__).parent.parent.parent
pytestmark = MARKS


def test_the_search_finds_a_page_without_a_server(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True, timeout=300)
    said: list[str] = []
    with started() as browser:
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto((tmp_path / "site" / "index.html").as_uri())
        page.click("[data-md-component=search-query]")
        page.keyboard.type("energy")
        page.wait_for_selector(".md-search-result__item a", timeout=60_000)
    assert said == []
