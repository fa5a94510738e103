"""The committed page of families is the one that the families make."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from harness.layout_page import page

FILE = Path(__file__).parent.parent / "docs" / "families.md"


def test_the_page_is_what_the_families_say() -> None:
    kept = FILE.read_text(encoding="utf-8")
    if f"timm {version('timm')}" not in kept:
        pytest.skip("the page was made for another timm")
    assert kept == page(), "write it anew: python -c 'from harness.layout_page import page; print(page(), end=str())'"
