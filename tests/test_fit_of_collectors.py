"""What a collector cannot measure of a study's networks is told before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_studies import small, written
from text_files import write_texts

from harness.errors import SpecError
from harness.plan import make_plan
from harness.study_file import load_study


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of texts and of a decoder that takes 24 tokens."""
    folder = tmp_path_factory.mktemp("kept")
    write_texts(folder / "mine")
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = {"model_type": "llama", "vocab_size": 256, "max_position_embeddings": 24, **shape}
    (folder / "tiny.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def problems(kept: Path, collector: dict[str, Any]) -> str:
    study = small(
        data={"name": "text", "label": "mine", "context": 16},
        models=[{"name": "tiny", "architecture": "hf-config:./tiny.json", "weights": "random"}],
        collectors=["perplexity", collector],
        paths={"mine": "./mine"},
    )
    with pytest.raises(SpecError) as caught:
        make_plan(load_study(written(kept, study)), kept)
    return str(caught.value)


@pytest.mark.parametrize(
    "collector",
    [
        {"name": "generation", "prompt": 20, "new": 6},
        {"name": "kv_cache", "prompt": 26, "new": 0},
        {"name": "token_macs", "context": [4, 25]},
        {"name": "memory", "prompt": 20, "new": 6},
        {"name": "energy", "prompt": 20, "new": 6},
    ],
    ids=lambda collector: collector["name"],
)
def test_a_text_longer_than_the_networks_context_is_told(kept: Path, collector: dict[str, Any]) -> None:
    assert "collectors.1: a text of 26 tokens, prompt included, and the network takes 24 at most" in problems(
        kept, collector
    )


def test_what_is_of_images_alone_is_told(kept: Path) -> None:
    assert "collectors.1: 'throughput' is measured of classification" in problems(kept, {"name": "throughput"})
    assert "collectors.1: energy of a language model is per token" in problems(kept, {"name": "energy"})


def test_texts_of_networks_for_images_are_told(kept: Path) -> None:
    with pytest.raises(SpecError, match=r"collectors\.0: new: texts are written by language models"):
        make_plan(load_study(written(kept, small(collectors=[{"name": "memory", "new": 4}]))), kept)
