"""`python -m harness.reference [DIR]`: writes the reference pages into `docs`, or another folder."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.reference.pages import PAGES

for name, made in PAGES.items():
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "docs") / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(made(), encoding="utf-8")
