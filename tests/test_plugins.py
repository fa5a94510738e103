"""A user's own plug-in files: known once loaded, part of the identity, and told with their own lines when wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.criteria.base import criteria
from harness.errors import SpecError, UnknownNameError
from harness.plugins import blamed, load_plugins

OWN = '''"""A test's own criterion."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from harness.criteria.base import Scoring, UnitCriterion, criteria


@criteria.register("{name}")
class Own(UnitCriterion):
    """The depth times a factor."""

    needs_calibration = False
    factor: float = Field({factor}, gt=0)

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        return {{unit.name: self.factor * unit.depth for unit in scoring.units}}
'''


def own(folder: Path, name: str = "own", factor: float = 1.0, file: str = "own.py") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file
    path.write_text(OWN.format(name=name, factor=factor), encoding="utf-8")
    return path


def broken(folder: Path, text: str, file: str = "own.py") -> str:
    """What is said of a file with this text."""
    path = folder / file
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as raised:
        load_plugins([path])
    return str(raised.value)


def test_what_a_file_registers_is_known_by_its_name(tmp_path: Path) -> None:
    load_plugins([own(tmp_path)])
    criterion = criteria.create({"name": "own", "factor": 2})
    assert criterion.summary() == "The depth times a factor."
    assert criterion.options() == {"factor": 2.0}


def test_options_are_checked_as_everywhere(tmp_path: Path) -> None:
    load_plugins([own(tmp_path)])
    assert "greater than 0" in str(criteria.problems({"name": "own", "factor": -1})[0])
    assert "did you mean 'factor'" in str(criteria.problems({"name": "own", "facto": 1})[0])


def test_the_content_of_the_file_is_part_of_the_identity(tmp_path: Path) -> None:
    path = own(tmp_path)
    load_plugins([path])
    before = criteria.create({"name": "own"}).identity()
    own(tmp_path, factor=3.0)
    load_plugins([path])
    after = criteria.create({"name": "own"}).identity()
    assert before.keys() == after.keys() == {"name", "code"}
    assert before != after


def test_the_same_content_in_another_place_has_the_same_identity(tmp_path: Path) -> None:
    load_plugins([own(tmp_path / "a")])
    here = criteria.create({"name": "own"}).identity()
    (module,) = (n for n in sys.modules if n.startswith("own_"))
    criteria.forget(module)
    load_plugins([own(tmp_path / "b")])
    assert criteria.create({"name": "own"}).identity() == here


def test_a_class_of_the_package_has_no_code_in_its_identity() -> None:
    assert criteria.create({"name": "last"}).identity() == {"name": "last"}


def test_an_identity_is_of_no_use_to_edited_code(tmp_path: Path) -> None:
    path = own(tmp_path)
    load_plugins([path])
    planned = criteria.create({"name": "own"}).identity()
    assert criteria.create(planned).identity() == planned
    own(tmp_path, factor=3.0)
    load_plugins([path])
    with pytest.raises(SpecError, match="its file was edited since; run the command again"):
        criteria.create(planned)


def test_loading_twice_changes_nothing(tmp_path: Path) -> None:
    path = own(tmp_path)
    load_plugins([path])
    first = criteria.get("own")
    load_plugins([path, path])
    assert criteria.get("own") is first


def test_a_class_that_the_edited_file_has_no_longer_is_forgotten(tmp_path: Path) -> None:
    path = own(tmp_path)
    load_plugins([path])
    own(tmp_path, name="renamed")
    load_plugins([path])
    assert "renamed" in criteria.members()
    assert "own" not in criteria.members()


def test_files_of_one_name_in_two_folders_do_not_meet(tmp_path: Path) -> None:
    load_plugins([own(tmp_path / "a"), own(tmp_path / "b", name="other")])
    assert {"own", "other"} <= criteria.members().keys()


def test_a_name_of_the_package_cannot_be_taken(tmp_path: Path) -> None:
    path = own(tmp_path, name="entropy")
    with pytest.raises(SpecError, match=r"own\.py, line 12: ValueError: two of kind criterion are called 'entropy'"):
        load_plugins([path])
    assert criteria.get("entropy").__module__ == "harness.criteria.entropy"


def test_a_fault_is_told_with_the_line_of_the_file(tmp_path: Path) -> None:
    assert broken(tmp_path, "x = 1\ny = x + z\n") == "own.py, line 2: NameError: name 'z' is not defined"


def test_a_fault_inside_a_function_of_the_file_is_told_at_its_innermost_line(tmp_path: Path) -> None:
    text = "import json\n\n\ndef read():\n    return json.loads('{')\n\n\nread()\n"
    assert broken(tmp_path, text).startswith("own.py, line 5: JSONDecodeError: ")


def test_what_is_no_python_is_told_with_its_line(tmp_path: Path) -> None:
    assert broken(tmp_path, "x = 1\ndef f(:\n") == "own.py, line 2: invalid syntax"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_package\n", "line 1: ModuleNotFoundError: No module named 'no_such_package'"),
        ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
        ("x = 1\n", "registers nothing; a class becomes known by @criteria.register"),
        ("x = '\0'\n", "null bytes"),
    ],
)
def test_a_file_that_is_no_plugin_says_why(tmp_path: Path, text: str, words: str) -> None:
    assert words in broken(tmp_path, text)


def test_nothing_of_a_broken_file_stays_known(tmp_path: Path) -> None:
    path = own(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "\nraise ValueError\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"own\.py, line 22: ValueError"):
        load_plugins([path])
    with pytest.raises(UnknownNameError):
        criteria.get("own")


def test_every_file_at_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        load_plugins([tmp_path / "absent.py", tmp_path / "notes.txt"])
    assert [str(problem) for problem in raised.value.problems] == [
        "absent.py: cannot be read: No such file or directory",
        "notes.txt: is no Python file; a plug-in's name ends in .py",
    ]


def test_nothing_is_written_beside_the_file(tmp_path: Path) -> None:
    load_plugins([own(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["own.py"]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("class Own: ...", "own.py: Own is registered as a criterion and is no Criterion"),
        ("class Own(Search): ...", "own.py: Own is registered as a criterion and is no Criterion"),
        ("class Own(UnitCriterion): ...", "own.py: Own lacks scores, which every criterion"),
    ],
)
def test_a_class_that_is_no_plugin_of_its_kind_is_told(tmp_path: Path, definition: str, expected: str) -> None:
    imports = "from harness.criteria.base import UnitCriterion, criteria\nfrom harness.searches.base import Search\n"
    assert expected in broken(tmp_path, f"{imports}@criteria.register('own')\n{definition}\n")
    assert "own" not in criteria.members()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{unit.name: foo for unit in scoring.units}", "own.py, line 9: NameError: name 'foo' is not defined"),
        ("{}", "own.py: what 'own' gives cannot be used: KeyError: 'blocks.0.attn'"),
    ],
)
def test_what_a_plugin_gets_wrong_later_is_told_with_its_file(tmp_path: Path, given: str, expected: str) -> None:
    lines = ["class Own(UnitCriterion):", "    def scores(self, scoring):", f"        return {given}"]
    head = "from harness.criteria.base import UnitCriterion, criteria\n\n\n\n\n@criteria.register('own')\n"
    path = tmp_path / "own.py"
    path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    load_plugins([path])
    criterion = criteria.create({"name": "own"})
    scoring = SimpleNamespace(units=[SimpleNamespace(name="blocks.0.attn")])
    with pytest.raises(SpecError) as raised, blamed(criterion):
        criterion.scores(scoring)["blocks.0.attn"]  # type: ignore[attr-defined]
    assert str(raised.value) == expected
