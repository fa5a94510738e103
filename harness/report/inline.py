"""A figure as part of a page: its SVG without outside references, with ids of its own, in the page's ink and paper."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from harness.plots.drawing import Drawing
from harness.plots.look import COLOURS, CONTROL, GRID, INK, PAPER

# The page's style sheet gives each of these a light and a dark value.
VARIABLES = {
    GRID: "--grid",
    PAPER: "--paper",
    CONTROL: "--control",
    **{colour: f"--series-{i}" for i, colour in enumerate(COLOURS)},
}
_COLOURS = {INK: "currentColor", **{colour: f"var({name})" for colour, name in VARIABLES.items()}}

_INTERVAL = re.compile(r" ?\[[−\d.]+, [−\d.]+\]")


def inline_svg(drawing: Drawing) -> Markup:
    """The drawing for an HTML page, named by its title; the caption stands below it and need not be read twice."""
    svg = drawing.svg
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", body).replace("xlink:href", "href")
    prefix = f"{drawing.name}-"
    body = re.sub(r'\bid="([^"]*)"', rf'id="{prefix}\1"', body)
    body = re.sub(r'href="#', f'href="#{prefix}', body)
    body = re.sub(r"url\(#", f"url(#{prefix}", body)
    for colour, named in _COLOURS.items():
        body = re.sub(colour, named, body, flags=re.IGNORECASE)
    box = re.search(r'viewBox="[^"]*"', body)
    opening = f'<svg role="img" aria-label="{escape(drawing.title)}" {box.group(0) if box else ""}>'
    # Every text in the body was turned into outlines by matplotlib, so nothing of a study's words is left in it.
    return Markup(opening + body[body.index(">") + 1 :])


def bound(text: str) -> str:
    """The text with spaces that do not break between a number and its sign or its interval."""
    text = text.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0").replace(" = ", "\u00a0=\u00a0")
    return _INTERVAL.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
