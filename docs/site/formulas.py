"""Formulas of the site as MathML, which browsers draw without a script."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content: str, **_: object) -> str:
    """Turns what Markdown marked as a formula into MathML."""
    content = BLOCK.sub(lambda match: convert(html.unescape(match[1]).strip(), display="block"), content)
    return INLINE.sub(lambda match: convert(html.unescape(match[1]).strip()), content)
