"""The committed reference pages are those that the code makes, and leave nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

from harness.cli.app import app
from harness.editor import study_schema
from harness.lint import RULES
from harness.plugins import REGISTRIES
from harness.reference.commands import commands
from harness.reference.pages import PAGES
from harness.reference.plugins import KINDS

DOCS = Path(__file__).parent.parent.parent / "docs"
SCHEMA = study_schema()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    kept = (DOCS / name).read_text(encoding="utf-8")
    assert kept == PAGES[name](), "write it anew: python -m harness.reference"


def test_every_key_of_a_study_has_a_meaning() -> None:
    """Said where its field is: in `harness/spec.py` or `site.py`."""
    assert [key for key, entry in SCHEMA["properties"].items() if not entry.get("description")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_has_a_meaning(kind: str) -> None:
    words = {"name", "label", "search", "for"}
    for shape in SCHEMA["$defs"][kind]["anyOf"][1:]:
        options = {key: entry for key, entry in shape["properties"].items() if key not in words}
        assert [key for key, entry in options.items() if not entry.get("description")] == []


def test_every_kind_of_plug_in_has_its_section() -> None:
    assert {registry.kind for _, registry in KINDS.values()} == {registry.kind for registry in REGISTRIES}


def test_every_command_and_option_is_on_its_page() -> None:
    page = commands()
    found = get_command(app)
    for name, command in found.commands.items():  # type: ignore[attr-defined]  # a group
        assert f"\n## {name}" in page
        for option in (word for one in command.params for word in one.opts if word.startswith("--")):
            assert f"| `{option}" in page


def test_every_rule_names_a_source_that_is_listed() -> None:
    page = PAGES["linter.md"]()
    assert all(f"- **{rule.source.short}**: " in page for rule in RULES)


def test_the_guide_to_the_study_file_names_every_key() -> None:
    guide = (DOCS / "study.md").read_text(encoding="utf-8")
    assert [key for key in SCHEMA["properties"] if f"`{key}" not in guide] == []
