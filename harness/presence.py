"""Are the published weights of a study here, before anything is submitted? No trial reaches for a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.artifacts import Artifacts, Maker
from harness.datasets.base import datasets
from harness.errors import DataError, Problem
from harness.models.configs import is_language_model
from harness.models.hub import has_weights
from harness.pretrained import absent, published
from harness.records import TrialInfo
from harness.schema import canonical
from harness.tasks.catalogue import task_called
from harness.trials import TrialSpec, untouched

NOBODY = Maker("", "", "", "")


def check_presence(trials: Iterable[TrialInfo], paths: Mapping[str, Path], results: Path, source: str) -> None:
    """Raises DataError for published weights that no cache of this machine holds, all of them at once.

    Weights that an earlier trial put among the artifacts suffice. `source` is the file to give to `harness fetch`.
    """
    wanted: dict[str, TrialSpec] = {}
    for trial in trials:
        weights_of = trial.spec.get("weights")
        if isinstance(weights_of, dict) and "pretrained" in weights_of:
            spec = TrialSpec.model_validate(untouched(trial.spec) | {"runtime": None})
            wanted.setdefault(canonical(spec.identity()), spec)
    lacking: dict[str, None] = {}
    for spec in wanted.values():
        tag = spec.weights["pretrained"]
        name, is_here = _found(spec.architecture, tag if isinstance(tag, str) else None)
        if not is_here and not _is_kept(spec, paths, results):
            lacking[name] = None
    if lacking:
        raise DataError(Problem("weights", absent(name, source)) for name in lacking)


def _found(architecture: str, tag: str | None) -> tuple[str, bool]:
    """What published weights are called, and whether a cache of this machine holds them."""
    if is_language_model(architecture):
        return architecture, has_weights(architecture)
    weights = published(architecture, tag)
    return weights.name, weights.found() is not None


def _is_kept(spec: TrialSpec, paths: Mapping[str, Path], results: Path) -> bool:
    # Here, because it loads torch, which whoever starts a study without published weights needn't wait for.
    from harness.stages.base import key_of
    from harness.stages.prepare import asked_for

    description = datasets.create(spec.data, "data").describe(paths)
    asked = asked_for(spec, task_called(description.task).model_options(description), None)
    return Artifacts(results).get("prepare", key_of(asked), NOBODY) is not None
