"""A study that keeps every rule of the linter, and what it becomes when parts of it are changed."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from given_files import noise, write_npz
from small_studies import written

from harness.plan import make_plan
from harness.records import StudyIndex
from harness.study_file import load_study

OPTIONS = {"img_size": 8, "patch_size": 2, "embed_dim": 32, "num_heads": 2, "depth": 6}


def model(name: str, lr: float, depth: int = 6) -> dict[str, Any]:
    """A network that is never made: a plan looks at its layout alone."""
    options = {**OPTIONS, "depth": depth}
    weights = {"train": {"steps": 2, "lr": lr}}
    return {"name": name, "architecture": "deit_tiny_patch16_224", "options": options, "weights": weights}


KEPT: dict[str, Any] = {
    "study": "kept",
    "data": {"name": "npz", "label": "mine", "splits": {"calibration": {"from": "train", "items": 256}}},
    "models": [model("a", 1e-3), model("b", 2e-3), model("c", 3e-3)],
    "targets": ["attention", "mlp"],
    "criteria": ["similarity", "magnitude", "last", {"name": "random", "draws": 5}],
    "budgets": {"macs": [0.06, 0.1, 0.14, 0.18, 0.22]},
    "recoveries": ["none", {"name": "finetune", "steps": 3}, {"name": "scratch", "steps": 5}],
    "seeds": [0, 1],
    "collectors": ["accuracy", "macs", "params", "latency"],
    "stability": {"subsets": 5, "sizes": [64]},
    "references": [{"model": model("dense", 1e-3, depth=4)}],
    "report": {"contrast": ["similarity", "magnitude"]},
}


def index_of(home: Path, **changes: Any) -> StudyIndex:
    """The plan of the kept study with some keys changed; None takes a key out."""
    study = {key: value for key, value in {**KEPT, **changes}.items() if value is not None}
    path = written(home, {**study, "paths": {"mine": str(_data(home))}})
    return make_plan(load_study(path), home / "results").index()


@cache
def _data(home: Path) -> Path:
    folder = home / "mine"
    for seed, (part, items) in enumerate({"train": 600, "test": 100}.items()):
        write_npz(folder, part, *noise(items, (8, 8), seed))
    return folder
