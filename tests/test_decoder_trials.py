"""Trials of a decoder from the study file on: costs of generation in their records, and the network taken home."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from decoders import logits
from safetensors.torch import load_file, save_file
from small_studies import environment, records, run_here, small, written
from text_files import write_texts

from harness import load
from harness.cli.export import export_trial
from harness.decoder_folder import README, WEIGHTS
from harness.errors import DataError
from harness.export import RECIPE, export, read_recipe
from harness.families.catalogue import sublayers_named
from harness.models import create
from harness.records import Record
from harness.surgery import masked

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 256,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
}
SHORT: dict[str, Any] = {"prompt": 8, "new": 4}
COSTS: list[dict[str, Any]] = [
    {"name": "generation", **SHORT, "rounds": 1, "pairs": 2},
    {"name": "kv_cache", **SHORT},
    {"name": "token_macs", "context": 8},
    {"name": "memory", **SHORT},
    {"name": "energy", **SHORT},
]
IDS = torch.arange(24).reshape(2, 12)
ASK = """
import sys, torch
from safetensors.torch import save_file
logits = {}
with torch.no_grad():
    for name, lines in (("plain", PLAIN), ("ours", OURS)):
        exec(lines)
        logits[name] = net(torch.arange(24).reshape(2, 12), use_cache=False).logits
save_file(logits, "logits.safetensors")
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a decoder with random weights, whole and without whole blocks."""
    folder = tmp_path_factory.mktemp("study")
    write_texts(folder / "mine")
    (folder / "tiny.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    study = small(
        data={"name": "text", "label": "mine", "context": 16},
        models=[{"name": "tiny", "architecture": "hf-config:./tiny.json", "weights": "random"}],
        criteria=["last"],
        targets=["block"],
        collectors=["params", *COSTS],
        paths={"mine": "./mine"},
        noise={"remeasure": 0},
    )
    assert {record.status for record in run_here(written(folder, study), folder / "results")} == {"ok"}
    return folder / "results"


def trial(results: Path, *, removes: bool) -> Record:
    (one,) = (runs[-1] for runs in records(results, "small").values() if bool(runs[-1].removed) == removes)
    return one


def test_what_generation_costs_stands_in_the_records(results: Path) -> None:
    whole, candidate = (trial(results, removes=removes) for removes in (False, True))
    values = [{m.metric: m.value for m in record.measurements} for record in (whole, candidate)]
    bytes_each = 2 * 1 * 8 * 4 * 12  # keys and values, one head of 8 numbers in fp32, 12 tokens
    assert [found["kv_cache_bytes"] for found in values] == [3 * bytes_each, 2 * bytes_each]
    assert [found["decode_macs_per_token"] for found in values] == [11872, 9280]
    for metric in ("first_token_s", "prefill_tokens_per_s", "decode_tokens_per_s"):
        assert all((found[metric] or 0) > 0 for found in values)
    for metric in ("peak_bytes", "energy_j_per_token", "net_energy_j_per_token"):
        assert all(m.value is not None or m.reason for m in candidate.measurements if m.metric == metric)


def by_hand(results: Path, record: Record) -> torch.Tensor:
    """Logits of the trial's network, all of which still runs, with what is removed masked."""
    made = record.run.stages["prepare"]
    content = {key: value for key, value in CONFIG.items() if key != "model_type"}
    net = create("hf-config:llama", content, {})
    net.load_state_dict(load_file(results / "artifacts/prepare" / made.key / made.content / "weights.safetensors"))
    with masked(net, sublayers_named(net, record.removed), "skip"):
        return logits(net, IDS)


@pytest.fixture(scope="module")
def home(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the trial that removes a block."""
    folder = tmp_path_factory.mktemp("taken") / "home"
    export(results, trial(results, removes=True).trial.id, folder)
    return folder


def test_both_ways_of_the_folders_page_give_equal_logits_in_a_fresh_process(results: Path, home: Path) -> None:
    page = (home / README).read_text(encoding="utf-8").replace("FOLDER", "home")
    ours, plain = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    lines = f"PLAIN, OURS = {plain!r}, {ours!r}\n{ASK}"
    words = [sys.executable, "-c", lines]
    subprocess.run(words, cwd=home.parent, env=environment(home.parent), check=True, capture_output=True)
    found = load_file(home.parent / "logits.safetensors")
    expected = by_hand(results, trial(results, removes=True))
    assert torch.allclose(found["ours"], expected, atol=1e-6)
    assert torch.allclose(found["plain"], expected, atol=1e-6)


def test_a_whole_decoder_comes_back(results: Path, tmp_path: Path) -> None:
    record = trial(results, removes=False)
    export(results, record.trial.id, tmp_path / "home")
    assert torch.equal(logits(load(tmp_path / "home"), IDS), by_hand(results, record))


def test_the_recipe_is_of_a_text(home: Path) -> None:
    recipe = read_recipe(home)
    assert (recipe.task, recipe.input) == ("language_modelling", {"vocabulary": 256, "context": 64})
    assert recipe.removed == ("model.layers.2.self_attn", "model.layers.2.mlp")
    assert str(home.parent.parent) not in (home / RECIPE).read_text(encoding="utf-8")


def test_damaged_weights_are_refused(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    weights = load_file(home / WEIGHTS)
    save_file({name: tensor + 1 for name, tensor in weights.items()}, tmp_path / "home" / WEIGHTS)
    with pytest.raises(DataError, match="not the weights that the recipe was written with"):
        load(tmp_path / "home")


def test_the_command_tells_its_files_and_refuses_other_formats(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="a decoder is taken home as a folder of transformers"):
        export_trial(trial(results, removes=True).trial.id, tmp_path / "home", results, onnx=False, torch_export=True)
    told = capsys.readouterr().out
    assert all(f"home/{name}" in told for name in (README, RECIPE, WEIGHTS, "config.json"))
