"""Do the models of a study exist, and what is known of them before they are built?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from harness.datasets.base import Dataset, datasets
from harness.entries import Checked, ModelEntry, attempt, check_unique
from harness.errors import HarnessError, Problem
from harness.inventory import Inventory, kept_inventory
from harness.models import (
    check_architecture,
    check_published,
    file_sha256,
    is_language_model,
    place_of,
    placed,
    resolved,
)
from harness.schema import Options
from harness.site import OWN_PATHS
from harness.spec import Choice, FileWeights, ModelSpec, Pretrained, ReferenceModel, Study, TrainedWeights
from harness.study_file import absolute
from harness.tasks.base import Description
from harness.tasks.catalogue import task_called
from harness.tasks.language_modelling import LanguageModelling

T = TypeVar("T")


@dataclass
class _Looked:
    """Where inventories are kept, and data sets that were described once already, by their place in the file."""

    paths: Mapping[str, Path]
    inventories: Path
    described: dict[str, tuple[Dataset, Description] | None] = field(default_factory=dict)


def check_models(study: Study, paths: Mapping[str, Path], inventories: Path, checked: Checked) -> None:
    """Models, and the dense networks beside them; no two of them all may be the same."""
    looked = _Looked(paths, inventories)
    places = [(f"models.{index}", index, model, checked.models) for index, model in enumerate(study.models)]
    places += [
        (f"references.{index}.model", index, reference.model, checked.references)
        for index, reference in enumerate(study.references)
        if isinstance(reference, ReferenceModel)
    ]
    for where, index, model, found in places:
        entry = _entry(study, checked, model, where, looked)
        if entry is not None:
            found[index] = entry
    check_unique(
        checked,
        (
            (where, model.name, found[index].identity if index in found else None)
            for where, index, model, found in places
        ),
    )


def _entry(study: Study, checked: Checked, asked: ModelSpec, where: str, looked: _Looked) -> ModelEntry | None:
    model = _attempted(checked, where, lambda: without_places(asked))
    if model is None:
        return None
    choice, place = (study.data, "data") if model.data is None else (model.data, f"{where}.data")
    if place not in looked.described:
        looked.described[place] = _describe(checked, choice, looked.paths, place)
    sha256 = _weights_hash(checked, model, f"{where}.weights")
    found = looked.described[place]
    if found is None:
        # What the data would say of the head is unknown; whether there is such an architecture is not.
        _attempted(checked, "", lambda: check_architecture(model.architecture, model.options, where))
        return None
    dataset, description = found
    fault = _mistaken(model.architecture, dataset, description)
    if fault:
        checked.problems.append(Problem(f"{where}.architecture", fault))
        return None
    inventory = _inventory(checked, model, description, looked.inventories, where)
    return None if inventory is None else ModelEntry(model, dataset, description, inventory, sha256)


def _attempted(checked: Checked, where: str, make: Callable[[], T]) -> T | None:
    try:
        return make()
    except HarnessError as error:
        checked.problems += [p.under(where) for p in error.problems]
        return None


def _mistaken(architecture: str, dataset: Dataset, description: Description) -> str:
    """Why data of this kind is not for such a network, known before it is built; empty where it may be."""
    if not is_language_model(architecture) or description.task == LanguageModelling.name:
        return ""
    item = task_called(description.task).item
    return f"{architecture} is a language model, and {dataset.title!r} holds {item}s for {description.task}"


def located(model: ModelSpec, folder: Path) -> ModelSpec:
    """The model with the file or folder that its architecture names, if any, as one of `folder`."""
    place = place_of(model.architecture)
    if place is None:
        return model
    return model.model_copy(update={"architecture": placed(model.architecture, absolute(place, folder))})


def without_places(model: ModelSpec) -> ModelSpec:
    """The model as its trials know it: what lies in files is told by its content, and a folder's weights as a file's.

    Raises SpecError for what cannot be read, and for published weights where there can be none.
    """
    if not is_language_model(model.architecture):
        return model
    found = resolved(model.architecture, model.options)
    weights = model.weights
    if weights == "pretrained" or isinstance(weights, Pretrained):
        tag = weights.pretrained if isinstance(weights, Pretrained) else None
        if found.weights is None or tag is not None:
            check_published(model.architecture, tag)
        else:
            weights = FileWeights(file=str(found.weights))
    return model.model_copy(update={"architecture": found.architecture, "options": found.options, "weights": weights})


def dataset_identity(choice: Choice) -> Options:
    """A data set's options with its label, which is part of what it is."""
    return choice.identity() | ({"label": choice.label} if choice.label else {})


def _describe(
    checked: Checked, choice: Choice, paths: Mapping[str, Path], where: str
) -> tuple[Dataset, Description] | None:
    dataset = attempt(checked, where, lambda: datasets.create(dataset_identity(choice), where))
    if dataset is None:
        return None
    if dataset.has_path and dataset.title in OWN_PATHS:
        message = f"{dataset.title!r} names a folder of harness in `paths`; give the data another label"
        checked.problems.append(Problem(f"{where}.label", message))
        return None
    try:
        return dataset, dataset.describe(paths)
    except HarnessError as error:
        checked.problems += [p.under(where) for p in error.problems]
        return None


def _weights_hash(checked: Checked, model: ModelSpec, where: str) -> str | None:
    if not isinstance(model.weights, FileWeights):
        return None
    file = model.weights.file
    found = _attempted(checked, f"{where}.file", lambda: file_sha256(Path(file)))
    if found is None:
        return None
    if model.weights.sha256 not in (None, found):
        message = f"the file's SHA-256 is {found}; it is not the file that the study means"
        checked.problems.append(Problem(f"{where}.sha256", message))
    return found


def _inventory(
    checked: Checked, model: ModelSpec, description: Description, folder: Path, where: str
) -> Inventory | None:
    try:
        task = task_called(description.task)
        task_options = task.model_options(description)
        found = kept_inventory(folder, model.architecture, model.options, task_options, task=task.name)
    except HarnessError as error:
        checked.problems += [p.under(where) for p in error.problems]
        return None
    misfit = task.misfit(found.limits, description)
    faults = [Problem(where, misfit)] if misfit else []
    if isinstance(model.weights, TrainedWeights) and (fault := task.training_fault(model.weights.train)):
        faults.append(fault.under(f"{where}.weights.train"))
    checked.problems += faults
    return None if faults else found
