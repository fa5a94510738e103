"""What is committed beside the code agrees with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.editor import study_schema
from harness.study_file import load_study

ROOT = Path(__file__).parent.parent
STUDIES = sorted(ROOT.glob("studies/**/*.yaml"))


def test_the_schema_beside_the_studies_is_the_one_that_harness_prints() -> None:
    assert json.loads((ROOT / "studies" / "schema.json").read_text()) == study_schema()


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_names_its_schema_and_has_no_problem(study: Path) -> None:
    first = study.read_text().partition("\n")[0]
    assert (study.parent / first.partition("$schema=")[2]).resolve() == ROOT / "studies" / "schema.json"
    assert load_study(study).problems == ()
    assert load_study(study).study is not None
