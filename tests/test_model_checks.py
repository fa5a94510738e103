"""What a study names as a model, as its trials know it: without places, and with weights that there can be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from decoders import WIDE, decoder
from small_studies import small, written

from harness.errors import SpecError
from harness.model_checks import located, without_places
from harness.plan import make_plan
from harness.spec import FileWeights, ModelSpec
from harness.study_file import load_study

DEIT = ModelSpec(name="m", architecture="deit_tiny_patch16_224")


def spec(architecture: str, weights: object = "random") -> ModelSpec:
    return ModelSpec.model_validate({"name": "m", "architecture": architecture, "weights": weights})


def test_a_place_is_relative_to_the_study(tmp_path: Path) -> None:
    assert located(spec("hf-config:./small.json"), tmp_path).architecture == f"hf-config:{tmp_path}/small.json"
    assert located(spec("hf:../small"), tmp_path).architecture == f"hf:{tmp_path}/../small"
    assert located(spec("hf:owner/name"), tmp_path).architecture == "hf:owner/name"
    assert located(DEIT, tmp_path) is DEIT
    assert without_places(DEIT) is DEIT


def test_a_configuration_is_known_by_what_it_says(tmp_path: Path) -> None:
    for folder, indent in (("a", 1), ("b", None)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "small.json").write_text(json.dumps({"model_type": "llama", **WIDE}, indent=indent))
    found = [without_places(located(spec("hf-config:small.json"), tmp_path / folder)) for folder in ("a", "b")]
    assert found[0] == found[1]
    assert (found[0].architecture, found[0].options) == ("hf-config:llama", {"config": WIDE})


def test_the_weights_of_a_folder_are_a_file_of_the_study(tmp_path: Path) -> None:
    decoder().save_pretrained(tmp_path / "small")  # type: ignore[operator]  # transformers'
    found = without_places(located(spec("hf:./small", "pretrained"), tmp_path))
    assert found.weights == FileWeights(file=str(tmp_path / "small"))
    assert str(tmp_path) not in found.architecture + json.dumps(found.options)
    assert without_places(located(spec("hf:./small", "random"), tmp_path)).weights == "random"


@pytest.mark.parametrize("weights", ["pretrained", {"pretrained": "main"}])
def test_published_weights_need_something_that_is_published(tmp_path: Path, weights: object) -> None:
    (tmp_path / "small.json").write_text('{"model_type": "llama"}')
    with pytest.raises(SpecError, match=r"^weights: nothing is published for a configuration alone"):
        without_places(located(spec("hf-config:./small.json", weights), tmp_path))


def test_a_revision_is_said_in_the_architecture() -> None:
    with pytest.raises(SpecError, match=r"^weights\.pretrained: .*: hf:owner/name@v1$"):
        without_places(spec("hf:owner/name", {"pretrained": "v1"}))
    assert without_places(spec("hf:owner/name@v1", "pretrained")).weights == "pretrained"


def test_pictures_are_not_for_a_language_model(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text('{"model_type": "llama"}')
    models = {"name": "m", "architecture": "hf-config:./small.json", "weights": "random"}
    path = written(tmp_path, small(models=models))
    with pytest.raises(SpecError) as caught:
        make_plan(load_study(path), tmp_path)
    assert [p.where.partition(": ")[2] for p in caught.value.problems] == ["models.0.architecture"]
    assert "hf-config:llama is a language model, and 'digits' holds images for classification" in str(caught.value)


def test_a_bare_name_is_made_fit_for_a_file() -> None:
    models = [ModelSpec.model_validate(name) for name in ("hf:owner/name@v1", "hf-config:./small.json")]
    assert [model.name for model in models] == ["hf_owner_name_v1", "hf-config_._small.json"]
