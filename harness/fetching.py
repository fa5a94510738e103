"""What a study needs from elsewhere, brought here: weights, data sets, their tokenizers; each is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from harness.datasets.base import Dataset, datasets
from harness.errors import HarnessError, SpecError
from harness.model_checks import dataset_identity, located, without_places
from harness.models import check_architecture, file_sha256, is_language_model
from harness.models.configs import HUB
from harness.models.hub import fetched_folder, has_weights
from harness.plugins import load_plugins
from harness.pretrained import Published, is_damaged, published
from harness.records import Record
from harness.reproducible import spec_of
from harness.schema import Options, canonical
from harness.spec import FileWeights, ModelSpec, ReferenceModel, Study
from harness.study_file import StudyFile, absolute
from harness.tasks.catalogue import task_called
from harness.trials import weights_identity

State: TypeAlias = Literal["here", "came", "absent"]


@dataclass(frozen=True)
class Fetched:
    """One thing that a study needs: whether it was here or came, and how it is known; or why it could not come."""

    what: str
    state: State
    detail: str


@dataclass(frozen=True)
class Need:
    """A model as a study or a record asks for it; a weights file by its place, which a record doesn't hold."""

    architecture: str
    options: Options
    weights: Options
    data: Options
    file: Path | None = None


def needs_of_study(file: StudyFile) -> list[Need]:
    """What the models of a study, and those beside it, need; raises SpecError where the file is faulty."""
    if file.study is None or file.problems:
        raise SpecError(file.problems)
    study, folder = file.study, file.path.parent
    load_plugins([absolute(plugin, folder) for plugin in study.plugins])
    models = [*study.models, *(one.model for one in study.references if isinstance(one, ReferenceModel))]
    return [_need(study, model, folder) for model in models]


def _need(study: Study, model: ModelSpec, folder: Path) -> Need:
    model = without_places(located(model, folder))
    own = model.weights if isinstance(model.weights, FileWeights) else None
    return Need(
        architecture=model.architecture,
        options=model.options,
        weights=weights_identity(model.weights),
        data=dataset_identity(model.data or study.data),
        file=None if own is None else absolute(own.file, folder),
    )


def needs_of_record(record: Record) -> list[Need]:
    """What the trial of a record needs to be run again."""
    spec = spec_of(record)
    return [Need(spec.architecture, spec.options, spec.weights, spec.data)]


def fetched(needs: list[Need], paths: Mapping[str, Path]) -> Iterator[Fetched]:
    """Brings everything that is not here, each thing once; what fails stops nothing else."""
    for need in {canonical([need.architecture, need.weights, str(need.file)]): need for need in needs}.values():
        if "pretrained" in need.weights or need.architecture.startswith(HUB):  # its configuration, at least
            yield _weights(need)
        elif need.file is not None:
            yield _weights_file(need.file, need.weights["file"])
    for data in {canonical(need.data): need.data for need in needs}.values():
        yield from _data(data, paths)


def _weights(need: Need) -> Fetched:
    if is_language_model(need.architecture):
        return _repository(need.architecture)
    tag = need.weights["pretrained"]
    what = f"weights of {need.architecture}"
    try:
        check_architecture(need.architecture, need.options)
        weights = published(need.architecture, tag if isinstance(tag, str) else None)
    except HarnessError as error:
        return Fetched(what, "absent", str(error))
    return _published(f"weights of {weights.name}", weights)


def _repository(architecture: str) -> Fetched:
    what = f"weights of {architecture}"
    state: State = "here" if has_weights(architecture) else "came"
    try:
        folder = fetched_folder(architecture)
        return Fetched(what, state, f"revision {folder.name}, SHA-256 {file_sha256(folder)}")
    except HarnessError as error:
        return Fetched(what, "absent", str(error))


def _published(what: str, file: Published) -> Fetched:
    held = file.found()
    is_here = held is not None and not is_damaged(held)
    try:
        path = held if held is not None and is_here else file.fetched(again=held is not None)
    except HarnessError as error:
        return Fetched(what, "absent", str(error))
    return Fetched(what, "here" if is_here else "came", f"{path.name}, SHA-256 {file_sha256(path)}")


def _weights_file(path: Path, sha256: object) -> Fetched:
    what = f"weights in {path.name}"
    try:
        found = file_sha256(path)
    except HarnessError as error:
        return Fetched(what, "absent", f"{error}; a study's own files are copied by whoever has them")
    if sha256 not in (None, found):
        return Fetched(what, "absent", f"its SHA-256 is {found}; it is not the file that the study means")
    return Fetched(what, "here", f"SHA-256 {found}")


def _data(data: Options, paths: Mapping[str, Path]) -> Iterator[Fetched]:
    """What a data set reads of a hub, and then the set, which may not be told without it."""
    what = f"data {data.get('label', data['name'])}"
    try:
        dataset: Dataset = datasets.create(data, "data")
    except HarnessError as error:
        yield Fetched(what, "absent", str(error))
        return
    for file in dataset.on_hub():
        yield _published(file.name, file)
    yield _set(what, dataset, paths)


def _set(what: str, dataset: Dataset, paths: Mapping[str, Path]) -> Fetched:
    try:
        was_here = dataset.is_here(paths)
        dataset.fetch(paths)
        description = dataset.describe(paths)
    except HarnessError as error:
        return Fetched(what, "absent", str(error))
    items = ", ".join(f"{part} {size:,}" for part, size in description.sizes.items())
    answers = f"{description.outputs} {task_called(description.task).answer}"
    return Fetched(what, "here" if was_here else "came", items or answers)
