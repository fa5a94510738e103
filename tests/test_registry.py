"""Plug-ins by name: found by themselves, checked, and never a silently shorter list."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.collectors.base import collectors
from harness.criteria.base import criteria
from harness.datasets.base import datasets
from harness.errors import SpecError, UnknownNameError
from harness.executors.base import executors
from harness.recoveries.base import recoveries
from harness.registry import Registry
from harness.schema import Plugin
from harness.searches.base import searches


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package of plug-ins, importable."""
    home = tmp_path / "some_plugins"
    home.mkdir()
    (home / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "some_plugins"]:
        monkeypatch.delitem(sys.modules, name)
    return home


@pytest.mark.parametrize("registry", [collectors, criteria, datasets, executors, recoveries, searches])
def test_every_member_has_a_name_and_a_line_about_itself(registry: Registry[Plugin]) -> None:
    members = registry.members()
    assert list(members) == sorted(members)
    for name, member in members.items():
        assert member.name == name
        assert member.summary().endswith(".")


@pytest.mark.parametrize("registry", [collectors, criteria, datasets, executors, recoveries, searches])
def test_every_option_of_a_member_has_a_default_or_is_refused_in_words(registry: Registry[Plugin]) -> None:
    for name in registry.members():
        with pytest.raises(SpecError) as caught:
            registry.create({"name": name, "no_such_option": 1}, "here")
        assert any(str(p).startswith("here.no_such_option: no such field") for p in caught.value.problems)


def test_a_file_in_the_folder_is_all_it_takes(package: Path) -> None:
    registry: Registry[Plugin] = Registry("thing", "some_plugins")
    package.joinpath("one.py").write_text(
        "from harness.schema import Plugin\nclass One(Plugin):\n    'Is one.'\n    size: int = 1\n"
    )
    package.joinpath("two.py").write_text("")
    registry.members()
    module = sys.modules["some_plugins.one"]
    registry.register("one")(module.One)
    assert registry.create({"name": "one", "size": 2}).options() == {"size": 2}


def test_a_plug_in_that_fails_to_import_is_an_error(package: Path) -> None:
    package.joinpath("bad.py").write_text("import no_such_module_anywhere")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        Registry("thing", "some_plugins").members()


def test_two_of_one_name_are_an_error(package: Path) -> None:
    registry: Registry[Plugin] = Registry("thing", "some_plugins")
    first = type("First", (Plugin,), {"__module__": "a"})
    second = type("Second", (Plugin,), {"__module__": "b"})
    registry.register("same")(first)
    with pytest.raises(ValueError, match="two of kind thing are called 'same': a, b"):
        registry.register("same")(second)


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"criteria\.0\.name: unknown criterion 'lst'; did you mean 'last'"):
        criteria.get("lst", "criteria.0.name")


def test_keys_beside_the_options_are_among_the_known() -> None:
    (problem,) = criteria.problems({"name": "last", "lable": 1}, "criteria.0")
    assert "known: none" in problem.message or "no such field" in problem.message
    with pytest.raises(SpecError, match="did you mean 'label'"):
        criteria.create({"name": "last", "lable": 1}, "criteria.0", ["label"])
