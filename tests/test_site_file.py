"""A site file that stands alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SpecError
from harness.site import Site
from harness.site_file import read_site


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own settings, an empty folder at first."""
    folder = tmp_path / "settings"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("device: cpu\npaths: {pictures: data}\n")
    found = read_site(path)
    assert (found.device, found.paths) == ("cpu", {"pictures": str(tmp_path / "data")})


def test_without_a_file_the_users_own_holds_and_else_the_defaults(settings: Path) -> None:
    assert read_site(None) == Site()
    (settings / "harness").mkdir(parents=True)
    (settings / "harness" / "site.yaml").write_text("device: cpu\n")
    assert read_site(None).device == "cpu"


def test_every_problem_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("device: gpu\nworkers: -1\n")
    with pytest.raises(SpecError) as caught:
        read_site(path)
    assert [str(problem).partition(": ")[2].partition(":")[0] for problem in caught.value.problems] == [
        "device",
        "workers",
    ]


def test_a_named_file_that_is_absent_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"absent\.yaml: cannot be read"):
        read_site(tmp_path / "absent.yaml")
