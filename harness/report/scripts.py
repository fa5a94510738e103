"""The scripts of a page, and the policy that lets these run and nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.rendering import LOOK


@dataclass(frozen=True)
class Script:
    """A script that stands in the page itself; its text must not hold the end of its own tag."""

    text: str

    @property
    def source(self) -> str:
        """Its hash, as a Content-Security-Policy names it."""
        return f"'sha256-{base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()}'"

    @property
    def markup(self) -> Markup:
        """The tag with the text in it."""
        return Markup(f"<script>{self.text}</script>")  # code of this package and of Bokeh, no words of a study


def own_script(name: str) -> Script:
    """A script of this package."""
    return Script((LOOK / name).read_text(encoding="utf-8"))


def policy(scripts: Sequence[Script]) -> str:
    """What a page may load: nothing but its own styles, the pictures in them, and these scripts."""
    sources = " ".join(script.source for script in scripts) or "'none'"
    closed = "default-src 'none'; base-uri 'none'; form-action 'none'"
    return f"{closed}; style-src 'unsafe-inline'; img-src data:; script-src {sources}"
