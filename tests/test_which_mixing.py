"""`which_mixing` compares like with like: one recipe for all; that MACs are equal is seen where it is planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.spec import ModelSpec, ReferenceModel, Study
from harness.study_file import load_study

STUDIES = Path(__file__).parent.parent / "studies"
FAMILIES = ["deit", "sparse_mlp_mixer", "sparse_mlp", "smlpnet", "repmlpnet", "lit", "cyclemlp", "gi_cyclemlp"]


def networks(file: str) -> list[ModelSpec]:
    study = load_study(STUDIES / file).study
    assert isinstance(study, Study)
    return [*study.models, *(one.model for one in study.references if isinstance(one, ReferenceModel))]


@pytest.mark.parametrize("file", ["which_mixing.yaml", "full/which_mixing.yaml"])
def test_every_family_is_there_and_trained_alike(file: str) -> None:
    found = networks(file)
    assert all(one.architecture.startswith(name) for one, name in zip(found, FAMILIES, strict=True))
    recipes = [one.model_dump(mode="json")["weights"]["train"] for one in found]
    for recipe in recipes:
        recipe.pop("init", None)  # of the position embedding, which the vision transformer alone has
    assert all(recipe == recipes[0] for recipe in recipes)
