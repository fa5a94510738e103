"""Do the names and options of a study exist and fit together? Everything is asked before anything runs."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from harness.artifacts import file_digest
from harness.collectors.base import Collector, collectors
from harness.criteria.base import Criterion, criteria
from harness.datasets.base import Dataset, datasets
from harness.errors import HarnessError, Problem, unknown
from harness.inventory import Inventory, kept_inventory
from harness.models import check_architecture
from harness.recoveries.base import Recovery, recoveries
from harness.registry import Registry
from harness.schema import Options, Plugin
from harness.searches.base import Search, searches
from harness.spec import Choice, CriterionChoice, FileWeights, ModelSpec, Study
from harness.tasks.base import Description
from harness.tasks.catalogue import task_called

P = TypeVar("P", bound=Plugin)
DRAWS = 5  # of a random criterion, where the study does not say


@dataclass(frozen=True)
class ModelEntry:
    """A model of the study with what is known of it: its data, its layout, the hash of its weights file."""

    spec: ModelSpec
    dataset: Dataset
    description: Description
    inventory: Inventory
    sha256: str | None


@dataclass(frozen=True)
class CriterionEntry:
    """A criterion of the study with its search; `search` is None where it is the criterion's own choice."""

    choice: CriterionChoice
    label: str
    plugin: Criterion
    search: Search | None
    draws: int

    @property
    def draw_numbers(self) -> Sequence[int | None]:
        """0, 1, ... for a random criterion, one None for the others."""
        return range(self.draws) if self.plugin.is_random else (None,)


@dataclass(frozen=True)
class RecoveryEntry:
    """A recovery of the study by label."""

    label: str
    plugin: Recovery


@dataclass
class Checked:
    """The parts of a study that were found good, by the index of their entry, and what is wrong with the rest."""

    models: dict[int, ModelEntry] = field(default_factory=dict)
    criteria: dict[int, CriterionEntry] = field(default_factory=dict)
    recoveries: dict[int, RecoveryEntry] = field(default_factory=dict)
    collectors: list[Collector] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def check_names(study: Study, paths: Mapping[str, Path], inventories: Path) -> Checked:
    """Looks every name up, reads every option, and describes data and models (without loading either)."""
    checked = Checked()
    _check_criteria(study, checked)
    _check_recoveries(study, checked)
    _check_collectors(study, checked)
    _check_models(study, paths, inventories, checked)
    _check_contrast(study, checked)
    return checked


def _attempt(checked: Checked, where: str, make: Callable[[], P]) -> P | None:
    try:
        made = make()
    except HarnessError as error:
        checked.problems += [p if p.where.startswith(where) else p.under(where) for p in error.problems]
        return None
    missing = [module for module in made.needs if importlib.util.find_spec(module.partition(".")[0]) is None]
    if missing:
        checked.problems.append(Problem(where, f"{made.name!r} needs {', '.join(missing)}, which is not installed"))
        return None
    return made


def _create(checked: Checked, registry: Registry[P], choice: Choice, where: str) -> P | None:
    return _attempt(checked, where, lambda: registry.create(choice.identity(), where, choice.reserved()))


def label_of(choice: Choice, plugin: Plugin) -> str:
    """The word for tables: the label, else the name with the options that are not at their default."""
    if choice.label:
        return choice.label
    extras = [f"{key}_{value}" for key, value in plugin.options().items()]
    text = "-".join([choice.name, *extras])
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", text)[:64]


def _check_unique(checked: Checked, axis: str, labels: Iterable[tuple[int, str]]) -> None:
    first: dict[str, int] = {}
    for index, label in labels:
        held = first.setdefault(label, index)
        if held != index:
            message = f"is called {label!r} like {axis}.{held}; give one of them another label"
            checked.problems.append(Problem(f"{axis}.{index}", message))


def _check_criteria(study: Study, checked: Checked) -> None:
    for index, choice in enumerate(study.criteria):
        where = f"criteria.{index}"
        plugin = _create(checked, criteria, choice, where)
        if plugin is None:
            continue
        if choice.draws is not None and not plugin.is_random:
            checked.problems.append(Problem(f"{where}.draws", f"{choice.name!r} is not random: it has one selection"))
        search = _search(checked, choice, plugin, f"{where}.search")
        draws = choice.draws or DRAWS
        checked.criteria[index] = CriterionEntry(
            choice, _criterion_label(choice, plugin, search), plugin, search, draws
        )
        names = {model.name for model in study.models}
        for name in choice.for_.models or ():
            if name not in names:
                checked.problems.append(unknown("model", name, names, f"{where}.for.models"))
    _check_unique(checked, "criteria", ((index, entry.label) for index, entry in checked.criteria.items()))


def _criterion_label(choice: CriterionChoice, plugin: Criterion, search: Search | None) -> str:
    label = label_of(choice, plugin)
    return label if choice.label or search is None else f"{label}-{search.name}"[:64]


def _search(checked: Checked, choice: CriterionChoice, plugin: Criterion, where: str) -> Search | None:
    if choice.search is None:
        return None
    found = _create(checked, searches, choice.search, where)
    if found is not None and found.name not in plugin.searches:
        allowed = ", ".join(plugin.searches)
        checked.problems.append(
            Problem(where, f"{choice.name!r} cannot be searched by {found.name!r}; it can by {allowed}")
        )
    is_own = found is not None and found.name == plugin.searches[0] and not found.options()
    return None if is_own else found


def _check_recoveries(study: Study, checked: Checked) -> None:
    for index, choice in enumerate(study.recoveries):
        plugin = _create(checked, recoveries, choice, f"recoveries.{index}")
        if plugin is not None:
            checked.recoveries[index] = RecoveryEntry(label_of(choice, plugin), plugin)
    _check_unique(checked, "recoveries", ((index, entry.label) for index, entry in checked.recoveries.items()))


def _check_collectors(study: Study, checked: Checked) -> None:
    owners: dict[str, int] = {}
    for index, choice in enumerate(study.collectors):
        where = f"collectors.{index}"
        plugin = _create(checked, collectors, choice, where)
        if plugin is None:
            continue
        checked.collectors.append(plugin)
        for asked in plugin.asked():
            held = owners.setdefault(asked.key, index)
            if held != index:
                checked.problems.append(Problem(where, f"measures {asked.metric!r} again, as collectors.{held} does"))
                break


def _check_models(study: Study, paths: Mapping[str, Path], inventories: Path, checked: Checked) -> None:
    described: dict[str, tuple[Dataset, Description] | None] = {}
    for index, model in enumerate(study.models):
        where = f"models.{index}"
        choice, place = (study.data, "data") if model.data is None else (model.data, f"{where}.data")
        if place not in described:
            described[place] = _describe(checked, choice, paths, place)
        sha256 = _weights_hash(checked, model, f"{where}.weights")
        found = described[place]
        if found is None:
            # What the data would say of the head is unknown; whether there is such an architecture is not.
            _attempt_check(checked, lambda: check_architecture(model.architecture, model.options, where))  # noqa: B023
            continue
        dataset, description = found
        inventory = _inventory(checked, model, description, inventories, where)
        if inventory is not None:
            checked.models[index] = ModelEntry(model, dataset, description, inventory, sha256)
    _check_unique(checked, "models", ((index, model.name) for index, model in enumerate(study.models)))


def _attempt_check(checked: Checked, check: Callable[[], None]) -> None:
    try:
        check()
    except HarnessError as error:
        checked.problems += error.problems


def dataset_identity(choice: Choice) -> Options:
    """A data set's options with its label, which is part of what it is."""
    return choice.identity() | ({"label": choice.label} if choice.label else {})


def _describe(
    checked: Checked, choice: Choice, paths: Mapping[str, Path], where: str
) -> tuple[Dataset, Description] | None:
    dataset = _attempt(checked, where, lambda: datasets.create(dataset_identity(choice), where))
    if dataset is None:
        return None
    try:
        return dataset, dataset.describe(paths)
    except HarnessError as error:
        checked.problems += [p.under(where) for p in error.problems]
        return None


def _weights_hash(checked: Checked, model: ModelSpec, where: str) -> str | None:
    if not isinstance(model.weights, FileWeights):
        return None
    try:
        found = file_digest(Path(model.weights.file))
    except OSError as error:
        checked.problems.append(Problem(f"{where}.file", f"{model.weights.file}: {error.strerror}"))
        return None
    if model.weights.sha256 not in (None, found):
        message = f"the file's SHA-256 is {found}; it is not the file that the study means"
        checked.problems.append(Problem(f"{where}.sha256", message))
    return found


def _inventory(
    checked: Checked, model: ModelSpec, description: Description, folder: Path, where: str
) -> Inventory | None:
    try:
        task_options = task_called(description.task).model_options(description)
        return kept_inventory(folder, model.architecture, model.options, task_options)
    except HarnessError as error:
        checked.problems += [p.under(where) for p in error.problems]
        return None


def _check_contrast(study: Study, checked: Checked) -> None:
    labels = [entry.label for entry in checked.criteria.values()]
    pair = study.report.contrast or ()
    if len(checked.criteria) == len(study.criteria):
        checked.problems += [
            unknown("criterion", name, labels, f"report.contrast.{index}")
            for index, name in enumerate(pair)
            if name not in labels
        ]
