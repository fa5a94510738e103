"""Language models by file and folder: what they stand for holds no path, and what is wrong is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from decoders import WIDE

from harness.errors import SpecError
from harness.models import is_language_model, needs, place_of, placed, resolved

WRITTEN = {
    "model_type": "llama",
    "hidden_size": 32,
    "architectures": ["LlamaForCausalLM"],
    "torch_dtype": "bfloat16",
    "transformers_version": "4.40.0",
    "auto_map": {"AutoModelForCausalLM": "code.Model"},
}


def test_places_are_told_from_names() -> None:
    named = ["hf:owner/name", "hf:gpt2", "hf:owner/name@main", "hf-config:llama", "deit_tiny_patch16_224"]
    assert [place_of(architecture) for architecture in named] == [None] * 5
    assert place_of("hf:./folder") == "./folder"
    assert place_of("hf:../folder") == "../folder"
    assert place_of("hf-config:small.json") == "small.json"
    assert place_of("hf-config:../small.json") == "../small.json"
    assert placed("hf:./folder", Path("/a/folder")) == "hf:/a/folder"
    assert [is_language_model(architecture) for architecture in named] == [True] * 4 + [False]


def test_a_file_stands_for_what_it_says_of_the_network(tmp_path: Path) -> None:
    file = tmp_path / "small.json"
    file.write_text(json.dumps(WRITTEN))
    found = resolved(f"hf-config:{file}", {"num_hidden_layers": 2})
    assert found.architecture == "hf-config:llama"
    assert found.options == {"config": {"hidden_size": 32}, "num_hidden_layers": 2}
    assert found.weights is None


def test_a_folder_stands_for_its_configuration_and_its_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(WRITTEN, indent=2))
    found = resolved(f"hf:{tmp_path}", {})
    assert (found.architecture, found.options) == ("hf-config:llama", {"config": {"hidden_size": 32}})
    assert found.weights == tmp_path


def test_a_name_stands_for_itself() -> None:
    assert resolved("hf:owner/name", WIDE).architecture == "hf:owner/name"
    assert resolved("hf:owner/name", WIDE).options == WIDE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", r"small\.json is not JSON: Expecting property name"),
        ("[]", r'small\.json is no configuration of a language model: it must be a mapping with a "model_type"'),
        ('{"hidden_size": 32}', r"is no configuration of a language model"),
        ('{"model_type": "llama", "hidden_size": NaN}', r"holds a number that is not finite"),
        ('{"model_type": "llama", "a": ' + "[" * 100_000 + "]" * 100_000 + "}", r"is not JSON: "),
        (" " * (1 << 20) + "{}", r"is larger than 1048576 bytes"),
    ],
    ids=["broken", "list", "typeless", "infinite", "nested", "large"],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "small.json"
    file.write_text(text)
    with pytest.raises(SpecError, match=f"^architecture: .*{why}"):
        resolved(f"hf-config:{file}", {})


def test_an_absent_file_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"^architecture: none\.json cannot be read: No such file"):
        resolved(f"hf-config:{tmp_path}/none.json", {})
    with pytest.raises(SpecError, match=r"^architecture: none/config\.json cannot be read: No such file"):
        resolved(f"hf:{tmp_path}/none", {})


def test_only_language_models_are_to_be_loaded_beside_timm() -> None:
    assert needs("hf-config:llama") == needs("hf:owner/name") == ("transformers.modeling_utils",)
    assert needs("deit_tiny_patch16_224") == ()
