"""A decoder's folder: what transformers and harness make of it, and what is wrong with one."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from decoders import DECODERS, decoder, logits, token_ids
from safetensors import safe_open
from torch import nn

from harness import load
from harness.decoder_folder import README, WEIGHTS, read, write
from harness.errors import DataError, SpecError
from harness.export import RECIPE
from harness.families.base import units
from harness.families.catalogue import family_of, sublayers_named
from harness.models import file_sha256
from harness.surgery import remove
from harness.transforms.topk import TopKUnits

FAMILIES = ["llama", "mixtral", "gemma2", "phi", "gpt2", "opt", "bloom", "falcon"]


def gone_of(net: nn.Module) -> list[str]:
    """Attention of block 1, MLP of block 2, all of block 3."""
    wanted = {("attention", 1), ("mlp", 2), ("attention", 3), ("mlp", 3)}
    return [s.name for s in family_of(net).sublayers(net) if (s.kind, s.depth) in wanted]


def exported(net: nn.Module, folder: Path, names: list[str] | None = None) -> list[str]:
    """Writes the network without some sublayers, and gives their names."""
    names = gone_of(net) if names is None else names
    folder.mkdir()
    write(net, remove(net, sublayers_named(net, names), "skip"), names, folder)
    return names


def by_the_page(folder: Path) -> nn.Module:
    """The network that the plain recipe of the folder's page makes, run as it stands there."""
    _, plain = re.findall(r"```python\n(.*?)```", (folder / README).read_text(encoding="utf-8"), re.DOTALL)
    found: dict[str, Any] = {}
    exec(plain.replace("FOLDER", str(folder)), found)
    net: nn.Module = found["net"]
    return net


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_read_again_gives_equal_logits(name: str, tmp_path: Path) -> None:
    net = decoder(name)
    names = exported(net, tmp_path / "home")
    expected = logits(remove(net, sublayers_named(net, names), "skip"), token_ids())
    assert torch.equal(logits(read(tmp_path / "home", names), token_ids()), expected)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_plain_recipe_gives_equal_logits_without_harness(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)  # it warns of weights that are not there, as the page says
    net = decoder(name)
    names = exported(net, tmp_path / "home")
    expected = logits(remove(net, sublayers_named(net, names), "skip"), token_ids())
    assert torch.allclose(logits(by_the_page(tmp_path / "home"), token_ids()), expected, atol=1e-5)


def test_the_configuration_says_what_is_gone_in_the_papers_words(tmp_path: Path) -> None:
    exported(decoder(), tmp_path / "home")
    config = json.loads((tmp_path / "home" / "config.json").read_text(encoding="utf-8"))
    assert (config["drop_attn_list"], config["drop_mlp_list"]) == ([1, 3], [2, 3])
    assert (config["model_type"], config["architectures"]) == ("llama", ["LlamaForCausalLM"])
    assert config["num_hidden_layers"] == 4


def test_nothing_of_what_is_gone_is_in_the_weights(tmp_path: Path) -> None:
    exported(decoder(), tmp_path / "home")
    with safe_open(tmp_path / "home" / WEIGHTS, "pt") as weights:
        names = set(weights.keys())
    assert "model.layers.0.self_attn.q_proj.weight" in names
    for gone in ("layers.1.self_attn.", "layers.1.input_layernorm.", "layers.2.mlp.", "layers.3."):
        assert not [name for name in names if gone in name]


def test_nothing_removed_is_a_plain_folder_of_transformers(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    net = decoder()
    exported(net, tmp_path / "home", [])
    made: Any = AutoModelForCausalLM
    assert torch.equal(logits(made.from_pretrained(tmp_path / "home").eval(), token_ids()), logits(net, token_ids()))


def test_a_network_without_any_sublayer_comes_back(tmp_path: Path) -> None:
    net = decoder()
    names = [s.name for unit in units(family_of(net).sublayers(net), "block") for s in unit.sublayers]
    exported(net, tmp_path / "home", names)
    bare = read(tmp_path / "home", names)
    inner: Any = bare
    embedded = inner.model.norm(inner.model.embed_tokens(token_ids()))
    assert torch.equal(logits(bare, token_ids()), inner.lm_head(embedded).detach())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    exported(decoder(), tmp_path / "home")
    return tmp_path / "home"


def change(home: Path, **changes: Any) -> None:
    path = home / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"drop_attn_list": [1, 1]}, r"home/config\.json: drop_attn_list holds 1 twice"),
        ({"drop_mlp_list": [4]}, "drop_mlp_list holds 4, and blocks are numbered 0 to 3"),
        ({"drop_mlp_list": "all"}, "must be a list of block numbers"),
        ({"drop_attn_list": [0, 3]}, "drop other layers than the recipe"),
    ],
)
def test_lists_that_cannot_be_are_told(home: Path, changes: dict[str, Any], words: str) -> None:
    names = gone_of(decoder())
    change(home, **changes)
    with pytest.raises(DataError, match=words):
        read(home, names)


def test_a_configuration_that_is_none_is_told(home: Path) -> None:
    (home / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(SpecError, match=r"home/config\.json is not JSON"):
        read(home, [])


def test_every_family_is_one_that_is_known() -> None:
    assert set(FAMILIES) <= set(DECODERS)


def test_transforms_come_back_and_the_page_says_that_transformers_has_none(tmp_path: Path) -> None:
    whole, net = decoder("opt"), TopKUnits(k=3).apply(decoder("opt"))
    folder = tmp_path / "home"
    folder.mkdir()
    weights = write(whole, net, (), folder, ["topk"])
    head = {"schema": 1, "trial": "t", "study": "s", "run": "r", "task": "language_modelling"}
    recipe = {
        **head,
        "architecture": "hf-config:opt",
        "transforms": [{"name": "topk", "k": 3}],
        "weights_sha256": file_sha256(weights),
    }
    (folder / RECIPE).write_text(json.dumps(recipe), encoding="utf-8")
    assert torch.equal(logits(load(folder), token_ids()), logits(net, token_ids()))
    assert not torch.equal(logits(whole, token_ids()), logits(net, token_ids()))
    assert "With transformers alone this is another network**: `topk`" in (folder / README).read_text(encoding="utf-8")
