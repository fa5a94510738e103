"""Stage 1: the model with its weights, made once, kept by content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from harness import models
from harness.artifacts import Artifact
from harness.errors import DataError
from harness.recipes import TrainRecipe
from harness.records import PartInfo
from harness.schema import Json, Options
from harness.shards import shard
from harness.stages.base import Bench, Network, key_of, transformed
from harness.training import loop
from harness.transforms.base import chain_of
from harness.trials import TrialSpec

if TYPE_CHECKING:
    from torch import nn

REVISION = 1
WEIGHTS = "weights.safetensors"


def prepare(bench: Bench) -> tuple[Network, Artifact, bool]:
    """The network with its weights on the device, from the artifact if there is one."""
    asked = _asked(bench)
    artifact, reused = bench.obtain(
        "prepare", asked, lambda folder: _make(bench, asked, folder), "train" in bench.spec.weights
    )
    models.load_weights(bench.shell, artifact.folder / WEIGHTS)
    net = shard(bench.shell, bench.shards) if bench.shards else bench.shell.to(bench.device)
    return Network(net.eval(), artifact.manifest.content), artifact, reused


def _asked(bench: Bench) -> Options:
    return asked_for(bench.spec, bench.task_options, bench.data.parts["train"].info if _trains(bench.spec) else None)


def _trains(spec: TrialSpec) -> bool:
    return "train" in spec.weights


def asked_for(spec: TrialSpec, task_options: Options, train: PartInfo | None) -> Options:
    """All that a model with its weights goes by; `train` is the part that they are trained on, if they are."""
    asked: Options = {
        "architecture": spec.architecture,
        "options": {**spec.options, **task_options},
        "weights": spec.weights,
        "model_seed": spec.model_seed,
        "revision": REVISION,
    }
    early: list[Json] = [plugin.identity() for stage, plugin in chain_of(spec.transforms) if stage == "prepare"]
    if early:
        asked["transforms"] = early
    if train is not None:
        asked["train"] = {"sha256": train.sha256, "transform": train.transform}
    return asked


def _make(bench: Bench, asked: Options, folder: Path) -> str:
    net, figures = _weighted(bench, asked)
    models.save_weights(net, folder / WEIGHTS)
    (folder / "figures.json").write_text(json.dumps(figures), encoding="utf-8")
    return models.content_of(net)


def unfinished(bench: Bench, stage: str, asked: Options) -> Path:
    """Where a training of this stage keeps how far it came."""
    return bench.artifacts.unfinished(stage, key_of(asked), bench.maker, bench.since(stage))


def _weighted(bench: Bench, asked: Options) -> tuple[nn.Module, dict[str, float]]:
    spec, weights = bench.spec, bench.spec.weights
    seed = spec.model_seed or 0
    if "pretrained" in weights:
        tag = weights["pretrained"]
        net = models.create(
            spec.architecture, spec.options, bench.task_options, pretrained=tag if isinstance(tag, str) else True
        )
        return net, {}
    net = models.create(spec.architecture, spec.options, bench.task_options, seed=seed)
    if "file" in weights:
        models.load_weights(net, _weights_file(bench, str(weights["file"])))
        return net, {}
    return (net, _trained(bench, net, seed, asked)) if _trains(spec) else (net, {})


def _weights_file(bench: Bench, sha256: str) -> Path:
    path = Path(bench.job.files[sha256])
    if models.file_sha256(path) != sha256:
        raise DataError(f"{path.name}: changed since the study was planned; run the command again")
    return path


def _trained(bench: Bench, net: nn.Module, seed: int, asked: Options) -> dict[str, float]:
    recipe = TrainRecipe.model_validate(bench.spec.weights["train"])
    loop.initialise(net, recipe.init, seed)
    net.to(bench.device)
    # Trained with the transforms, kept under the names of the plain network: a removal is proved without them.
    trained = transformed(bench, Network(net, ""), "prepare").net
    part = bench.data.parts["train"]
    course = loop.Course(
        outputs=bench.data.description.outputs,
        checkpoints=unfinished(bench, "prepare", asked),
        checkpoint_s=bench.job.checkpoint_s,
        meet=bench.meeting("prepare", asked),
    )
    figures = loop.train(
        trained, bench.task, part, recipe, bench.device, seed, lambda note: bench.progress("prepare", note), course
    )
    if trained is not net:
        models.put_state(net, trained.state_dict(), "prepare")
    return figures
