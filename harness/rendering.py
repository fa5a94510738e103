"""Pages from templates: words of a study are escaped in HTML, and a name that is not there is an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

LOOK = Path(__file__).parent / "report" / "templates"  # style sheet and tables of every page
Filter = Callable[..., str | Markup]


def rendered(template: str, own: Path = LOOK, filters: Mapping[str, Filter] | None = None, **values: object) -> str:
    """A template of the folder `own`, which may include those of the report's look; `filters` are its functions."""
    environment = Environment(
        loader=FileSystemLoader((own, LOOK)),
        autoescape=select_autoescape(enabled_extensions=("html", "html.j2"), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters or {})
    return environment.get_template(template).render(**values)
