"""A trial's network taken home: the same logits in a process that never saw the study, and clear words otherwise."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file
from small_studies import TINY_MODEL, called, environment, records, run_here, small, written
from torch import nn

from harness import export, load
from harness.cli import main
from harness.errors import DataError, StoreError, UnknownNameError
from harness.export import RECIPE, WEIGHTS, read_recipe
from harness.export import export as exported
from harness.families.catalogue import sublayers_named
from harness.records import Record
from harness.store import Store
from harness.surgery import masked

Logits = dict[tuple[bool, bool], np.ndarray[Any, np.dtype[np.float32]]]
KINDS = [(removes, trains) for removes in (True, False) for trains in (True, False)]  # what is removed, what trains
LOADER = """
import sys, numpy, torch, harness
inputs = torch.from_numpy(numpy.load("inputs.npy"))
for home in sys.argv[1:]:
    net = harness.load(home)
    with torch.no_grad():
        numpy.save(f"{home}.npy", net(inputs).numpy())
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a baseline and a candidate, each with and without a recovery."""
    folder = tmp_path_factory.mktemp("study")
    finetune = {"name": "finetune", "steps": 2, "lr": 1e-2}
    study = small(criteria=["last"], counts=[2], recoveries=["none", finetune], collectors=["accuracy", "params"])
    assert {record.status for record in run_here(written(folder, study), folder / "results")} == {"ok"}
    return folder / "results"


def trial(results: Path, *, removes: bool, trains: bool) -> Record:
    """The newest record of one of the four."""
    found = [runs[-1] for runs in records(results, "small").values()]
    (one,) = (r for r in found if bool(r.removed) == removes and (r.trial.recovery != "none") == trains)
    return one


def seeded_inputs() -> torch.Tensor:
    return torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(3))


def by_hand(results: Path, record: Record) -> torch.Tensor:
    """Logits of the trial's network: timm's own, its weights, and everything that is removed masked instead."""
    prepared = record.run.stages["prepare"]
    net = timm.create_model(TINY_MODEL["architecture"], num_classes=10, in_chans=1, **TINY_MODEL["options"]).eval()
    net.load_state_dict(load_file(results / "artifacts/prepare" / prepared.key / prepared.content / WEIGHTS))
    if record.trial.recovery != "none":
        made = record.run.stages["recover"]
        kept = load_file(results / "artifacts/recover" / made.key / made.content / WEIGHTS)
        net.load_state_dict(kept, strict=False)
    with torch.no_grad(), masked(net, sublayers_named(net, record.removed), "skip"):
        logits: torch.Tensor = net(seeded_inputs())
    return logits


@pytest.fixture(scope="module")
def logits(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Logits:
    """What a fresh process makes of all four trials, which it has as folders only."""
    folder = tmp_path_factory.mktemp("exports")
    for removes, trains in KINDS:
        exported(results, trial(results, removes=removes, trains=trains).trial.id, folder / f"{removes}-{trains}")
    np.save(folder / "inputs.npy", seeded_inputs().numpy())
    homes = [f"{removes}-{trains}" for removes, trains in KINDS]
    subprocess.run([sys.executable, "-c", LOADER, *homes], cwd=folder, env=environment(folder), check=True)
    return {kind: np.load(folder / f"{home}.npy") for kind, home in zip(KINDS, homes, strict=True)}


@pytest.mark.parametrize(("removes", "trains"), KINDS)
def test_a_process_that_never_saw_the_study_gets_equal_logits(
    results: Path, logits: Logits, removes: bool, trains: bool
) -> None:
    record = trial(results, removes=removes, trains=trains)
    assert np.abs(logits[removes, trains] - by_hand(results, record).numpy()).max() < 1e-6


def test_what_comes_back_is_the_network_to_the_bit(results: Path, tmp_path: Path) -> None:
    record = trial(results, removes=True, trains=True)
    exported(results, record.trial.id, tmp_path / "a")
    exported(results, record.trial.id, tmp_path / "b")
    with torch.no_grad():
        assert torch.equal(load(tmp_path / "a")(seeded_inputs()), load(tmp_path / "b")(seeded_inputs()))
    assert (tmp_path / "a" / RECIPE).read_bytes() == (tmp_path / "b" / RECIPE).read_bytes()


def test_the_loaded_network_has_the_recorded_accuracy(results: Path, tmp_path: Path) -> None:
    from harness.datasets.base import datasets
    from harness.tasks.classification import Classification

    record = trial(results, removes=True, trains=True)
    exported(results, record.trial.id, tmp_path / "home")
    net = load(tmp_path / "home")
    part = datasets.create({"name": "digits"}).load({}, Classification().input_config(net)).parts["test"]
    with torch.no_grad():
        hits = [int((net(b.inputs).argmax(1) == b.targets).sum()) for b in part.batches(50)]
    (top1,) = (m.value for m in record.measurements if (m.metric, m.split) == ("top1", "test"))
    assert sum(hits) / len(part) == pytest.approx(top1)


def test_the_removed_parts_are_in_neither_file_nor_network(results: Path, tmp_path: Path) -> None:
    record = trial(results, removes=True, trains=False)
    exported(results, record.trial.id, tmp_path / "home")
    names = load_file(tmp_path / "home" / WEIGHTS).keys()
    assert record.removed
    assert not [name for name in names for gone in record.removed if name.startswith(f"{gone}.")]
    (params,) = (m.value for m in record.measurements if m.metric == "params")
    assert sum(p.numel() for p in load(tmp_path / "home").parameters()) == params


def test_the_recipe_says_what_was_done_and_nothing_of_the_machine(results: Path, tmp_path: Path) -> None:
    record = trial(results, removes=True, trains=True)
    recipe = exported(results, record.trial.id, tmp_path / "home")
    assert read_recipe(tmp_path / "home") == recipe
    assert (recipe.trial, recipe.run, recipe.removed) == (record.trial.id, record.run.id, record.removed)
    assert recipe.training["weights"] == {"train": {"steps": 2}}
    assert recipe.training["recovery"] == {"name": "finetune", "steps": 2, "lr": 0.01}
    assert recipe.selection == {"target": "attention", "criterion": {"name": "last"}, "search": None}
    assert recipe.data == record.data
    assert {m.metric for m in recipe.metrics} >= {"top1", "params"}
    assert "torch" in recipe.versions
    text = (tmp_path / "home" / RECIPE).read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert "artifacts" not in text


def test_an_unknown_trial_is_told_with_the_nearest_name(results: Path, tmp_path: Path) -> None:
    name = trial(results, removes=True, trains=True).trial.id
    with pytest.raises(UnknownNameError, match=f"did you mean '{name}'"):
        exported(results, f"{name[:-1]}x", tmp_path / "home")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["../small", "/etc", "", ".", "logs", "small/x"])
def test_a_name_that_is_no_trials_leads_nowhere(results: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownNameError, match="no record of a trial"):
        exported(results, name, tmp_path / "home")


def test_a_trial_that_failed_says_why(results: Path, tmp_path: Path) -> None:
    record = trial(results, removes=True, trains=False)
    failed = record.model_copy(update={"status": "failed", "reason": "no space is left", "measurements": ()})
    Store(tmp_path / "results").write_record(failed)
    with pytest.raises(StoreError, match="failed, so there is nothing to export: no space is left"):
        exported(tmp_path / "results", record.trial.id, tmp_path / "home")


def test_weights_that_are_gone_are_told(results: Path, tmp_path: Path) -> None:
    shutil.copytree(results / "small", tmp_path / "results" / "small")
    with pytest.raises(StoreError, match="no longer among the artifacts"):
        exported(tmp_path / "results", trial(results, removes=True, trains=True).trial.id, tmp_path / "home")


def test_nothing_is_written_over(results: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match="not empty"):
        exported(results, trial(results, removes=True, trains=False).trial.id, tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.tex"]


@pytest.fixture
def home(results: Path, tmp_path: Path) -> Path:
    exported(results, trial(results, removes=True, trains=False).trial.id, tmp_path / "home")
    return tmp_path / "home"


def change(home: Path, **changes: Any) -> None:
    path = home / RECIPE
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def test_damaged_weights_are_refused(home: Path) -> None:
    data = bytearray((home / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (home / WEIGHTS).write_bytes(data)
    with pytest.raises(DataError, match="not the weights that the recipe was written with"):
        load(home)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "hf-hub:somebody/something"}, "unknown architecture"),
        ({"removed": ["blocks.77.attn"]}, "unknown sublayer"),
        ({"extra": 1}, "no such field"),
        ({"weights_sha256": "0"}, "64 hex digits"),
        ({"schema": 99}, "newer"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(home: Path, changes: dict[str, Any], words: str) -> None:
    change(home, **changes)
    with pytest.raises((DataError, UnknownNameError), match=words):
        load(home)


def test_a_folder_without_an_export_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"recipe\.json: cannot be read"):
        load(tmp_path)


def test_the_command_writes_a_program_of_torch_that_gives_the_same(results: Path, tmp_path: Path) -> None:
    record = trial(results, removes=True, trains=True)
    words = ("export", record.trial.id, "--to", "home", "--results", str(results), "--torch-export")
    done = called(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert "outputs differ from the network's by" in done.stdout
    assert "harness.load('home')" in done.stdout
    program = torch.export.load(tmp_path / "home" / "model.pt2").module()
    with torch.no_grad():
        assert torch.allclose(program(seeded_inputs()), by_hand(results, record), atol=1e-5)


def test_the_command_tells_a_wrong_name_and_leaves_nothing(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["harness", "export", "tinny", "--to", "home", "--results", str(results)])
    assert main() == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_loading_needs_the_folder_only(home: Path, results: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(home, moved)
    net: nn.Module = load(moved)
    assert not net.training
    assert export.RECIPE == "recipe.json"
