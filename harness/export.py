"""A result taken home: a trial's recipe and weights as a folder of its own, and the network that it gives again."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from harness import decoder_folder, models
from harness.artifacts import Artifact, Artifacts
from harness.errors import DataError, SpecError, StoreError, UnknownNameError, suggestion
from harness.families.catalogue import sublayers_named
from harness.records import Measurement, PartInfo
from harness.results import TrialResult, latest
from harness.schema import SHA256, Options, Schema, problems_of
from harness.store import Store
from harness.surgery import remove
from harness.tasks.catalogue import task_called
from harness.tasks.classification import Classification
from harness.tasks.language_modelling import LanguageModelling
from harness.transforms.base import chain_of
from harness.trials import TrialSpec

if TYPE_CHECKING:
    from torch import nn

RECIPE, WEIGHTS = "recipe.json", "weights.safetensors"
NUMBER = 1  # of the recipe's schema
MOST_BYTES = 10 << 20  # of a recipe
BEFORE_RECOVERY = ("prepare", "select", "recover")
AFTER_RECOVERY = ("evaluate",)  # what is there for costs alone stays here


class Metric(Schema):
    """A measurement without its samples, in base units."""

    metric: str
    unit: str
    better: str
    split: str | None = None
    at: Options = {}
    value: float | None
    quality: str = "ok"


class Recipe(Schema):
    """What an exported network is, and where it came from; `training` and `selection` say how it was made."""

    schema_number: int = Field(NUMBER, alias="schema", serialization_alias="schema")
    trial: str
    study: str
    run: str
    task: str
    architecture: str
    options: Options = {}
    head: Options = {}  # options that follow the data: outputs and channels
    removed: tuple[str, ...] = ()
    removal: str = "skip"
    transforms: tuple[Options, ...] = ()
    weights_sha256: str = Field(pattern=SHA256)
    input: Options = {}  # size (channels, height, width) of one item, and how it is normalised
    training: Options = {}
    selection: Options = {}
    data: dict[str, PartInfo] = {}
    metrics: tuple[Metric, ...] = ()
    proof: str | None = None
    versions: Options = {}


def export(results: Path, trial: str, folder: Path) -> Recipe:
    """Writes recipe and weights of a trial's network, after its recovery, into a folder that is new or empty.

    Raises UnknownNameError for a trial without a record, StoreError where it failed or its weights are gone.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder}: is there already, and not empty; an export needs a folder of its own")
    found, artifact = _found(results, trial)
    spec = TrialSpec.model_validate(found.info.spec)
    head = _head(results, found, spec)
    net = network(spec, head, found.removed, artifact.folder / WEIGHTS)
    draft = folder.absolute().parent / f".{folder.name}.{secrets.token_hex(4)}"
    try:
        draft.mkdir(parents=True)
        weights = _write_network(spec, net, head, found.removed, draft)
        recipe = _recipe(spec, found, net, head, models.file_sha256(weights))
        (draft / RECIPE).write_text(recipe.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
        draft.replace(folder)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return recipe


def _write_network(spec: TrialSpec, net: nn.Module, head: Options, removed: Sequence[str], folder: Path) -> Path:
    """Weights of a network and, of a decoder, all that transformers needs beside them; gives the file of weights."""
    if not models.is_language_model(spec.architecture):
        models.save_weights(net, folder / WEIGHTS)
        return folder / WEIGHTS
    if removed and spec.removal != "skip":
        raise SpecError(f"what is replaced ({spec.removal}) and not skipped cannot be said in a list of dropped layers")
    whole = models.create(spec.architecture, spec.options, head, device="meta")
    changed = [
        plugin.name for stage, plugin in chain_of(spec.transforms) if stage in (*BEFORE_RECOVERY, *AFTER_RECOVERY)
    ]
    return decoder_folder.write(whole, net, removed, folder, changed)


def load(folder: str | Path, device: str = "cpu") -> nn.Module:
    """The network of an export, in eval mode; raises DataError where the folder holds none, or a damaged one."""
    place = Path(folder)
    recipe = read_recipe(place)
    is_decoder = models.is_language_model(recipe.architecture)
    weights = place / (decoder_folder.WEIGHTS if is_decoder else WEIGHTS)
    if models.file_sha256(weights) != recipe.weights_sha256:
        raise DataError(f"{place.name}/{weights.name}: not the weights that the recipe was written with")
    if is_decoder:
        net = decoder_folder.read(place, recipe.removed)
        return _transformed(net, recipe.transforms, *BEFORE_RECOVERY, *AFTER_RECOVERY).to(device).eval()
    net = models.create(recipe.architecture, recipe.options, recipe.head)
    net = _without(net, recipe.removed, recipe.removal)
    net = _transformed(net, recipe.transforms, *BEFORE_RECOVERY, *AFTER_RECOVERY)
    models.load_weights(net, place / WEIGHTS)
    return net.to(device).eval()


def read_recipe(folder: Path) -> Recipe:
    """The recipe of an export."""
    path, shown = folder / RECIPE, f"{folder.name}/{RECIPE}"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{shown}: larger than any recipe")
        recipe = Recipe.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{shown}: cannot be read: {error.strerror}; `harness export` writes such a folder") from None
    except ValidationError as error:
        raise DataError(problems_of(error, Recipe, shown)) from None
    if recipe.schema_number > NUMBER:
        raise DataError(f"{shown}: schema {recipe.schema_number} is newer than {NUMBER}, the newest known here")
    return recipe


def _found(results: Path, trial: str) -> tuple[TrialResult, Artifact]:
    """The newest good result of a trial whose weights are still there."""
    store = Store(results)
    records = [record for study in store.studies() for record in _records(store, study, trial)]
    if not records:
        known = {r.trial.id for study in store.studies() for r in store.records(study)}
        raise UnknownNameError(f"no record of a trial {trial!r} in {results.name}; {suggestion(trial, known, most=5)}")
    found = latest(records)
    good = [result for result in found if result.status == "ok"]
    if not good:
        shown = found[0]
        what = {"failed": "failed", "skipped": "was skipped"}[shown.status]
        raise StoreError(f"{trial}: {what}, so there is nothing to export: {shown.reason or 'no reason is known'}")
    there = [(result, artifact) for result in good if (artifact := _artifact(results, result)) is not None]
    if not there:
        raise StoreError(f"{trial}: its weights are no longer among the artifacts; run its study with --fresh all")
    return there[0]


def _records(store: Store, study: str, trial: str) -> Sequence[Any]:
    try:
        return store.read(study, trial).records
    except SpecError:  # a name that could be no folder's is no trial's: told like any other that is not there
        return ()


def _artifact(results: Path, result: TrialResult) -> Artifact | None:
    stage = last_stage(result.info.spec)
    made = result.stages.get(stage)
    return Artifacts(results).exact(stage, made.key, made.content) if made is not None else None


def last_stage(spec: Options) -> str:
    """The stage whose weights a trial ends with."""
    return "recover" if spec.get("recovery") is not None else "prepare"


def network(spec: TrialSpec, head: Options, removed: Sequence[str], weights: Path) -> nn.Module:
    """A trial's network as it was evaluated, on the CPU; `head` are the options that follow the data."""
    is_recovered = spec.recovery is not None
    net = models.create(spec.architecture, spec.options, head)
    if not is_recovered:
        models.load_weights(net, weights)
    net = _transformed(_without(net, removed, spec.removal), spec.transforms, *BEFORE_RECOVERY)
    if is_recovered:
        models.load_weights(net, weights)
    return _transformed(net, spec.transforms, *AFTER_RECOVERY).eval()


def _head(results: Path, found: TrialResult, spec: TrialSpec) -> Options:
    """Options that follow the data, which the first stage was asked for."""
    made = found.stages["prepare"]
    prepared = Artifacts(results).exact("prepare", made.key, made.content)
    if prepared is None:
        raise StoreError(f"{found.info.id}: the model it was made from is no longer among the artifacts")
    options = prepared.manifest.asked.get("options")
    asked = options if isinstance(options, dict) else {}
    return {key: value for key, value in asked.items() if key not in spec.options}


def _without(net: nn.Module, names: Sequence[str], removal: str) -> nn.Module:
    return remove(net, sublayers_named(net, names), removal) if names else net


def _transformed(net: nn.Module, chain: Sequence[Options], *stages: str) -> nn.Module:
    for stage, plugin in chain_of(chain):
        if stage in stages:
            net = plugin.apply(net)
    return net


def _recipe(spec: TrialSpec, found: TrialResult, net: nn.Module, head: Options, sha256: str) -> Recipe:
    is_decoder = models.is_language_model(spec.architecture)
    task = task_called(LanguageModelling.name if is_decoder else Classification.name)
    config = task.input_config(net)
    environment = found.environment
    chosen: Options = {"target": spec.target, "criterion": spec.criterion, "search": spec.search}
    return Recipe(
        trial=found.info.id,
        study=found.info.study,
        run=found.runs[0].id,
        task=task.name,
        architecture=spec.architecture,
        options=spec.options,
        head=head,
        removed=found.removed,
        removal=spec.removal,
        transforms=spec.transforms,
        weights_sha256=sha256,
        input=config.told(),
        training=_seeds(spec) | {"weights": spec.weights, "recovery": spec.recovery},
        selection=chosen if spec.criterion is not None else {},
        data=dict(found.data),
        metrics=tuple(_metric(m) for m in found.measurements.values()),
        proof=found.proof.status if found.proof else None,
        versions={"harness": environment.harness.get("version"), **environment.versions} if environment else {},
    )


def _seeds(spec: TrialSpec) -> Options:
    seeds = {name: getattr(spec, name) for name in ("model_seed", "selection_seed", "recovery_seed", "draw")}
    return {name: seed for name, seed in seeds.items() if seed is not None}


def _metric(measurement: Measurement) -> Metric:
    return Metric(**{name: getattr(measurement, name) for name in Metric.model_fields})
