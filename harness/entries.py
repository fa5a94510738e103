"""The parts of a study that were looked up and found good, and the problems of the rest."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from harness.collectors.base import Collector
from harness.criteria.base import Criterion
from harness.datasets.base import Dataset
from harness.errors import HarnessError, Problem
from harness.families.base import Unit
from harness.inventory import Inventory
from harness.recoveries.base import Recovery
from harness.registry import Registry
from harness.runtimes import Runtime
from harness.schema import Json, Options, Plugin, canonical
from harness.searches.base import Search, searches
from harness.spec import Choice, CriterionChoice, ModelSpec
from harness.tasks.base import Description
from harness.transforms.base import Transform
from harness.trials import weights_identity

P = TypeVar("P", bound=Plugin)


@dataclass(frozen=True)
class Removable:
    """What a target can remove of a network, worked out once for all points of a grid."""

    inventory: Inventory
    target: str

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """In order of depth."""
        return self.inventory.units(self.target)

    @cached_property
    def is_uniform(self) -> bool:
        """Whether the units are all alike, so that which of them go does not matter to costs."""
        shapes = {s.name: s.shape for s in self.inventory.sublayers}
        return len({tuple(shapes[s.name] for s in unit.sublayers) for unit in self.units}) <= 1

    @cached_property
    def most_saved(self) -> dict[str, float]:
        """The largest share of each exact cost that goes with all units but one."""
        kept = [[s.name for unit in self.units if unit is not left for s in unit.sublayers] for left in self.units]
        return {cost: max(self.inventory.saved_share(names, cost) for names in kept) for cost in ("macs", "params")}


@dataclass(frozen=True)
class ModelEntry:
    """A model of the study with what is known of it: its data, its layout, the hash of its weights file."""

    spec: ModelSpec
    dataset: Dataset
    description: Description
    inventory: Inventory
    sha256: str | None

    @cached_property
    def _targets(self) -> dict[str, Removable]:
        return {}

    @cached_property
    def identity(self) -> Options:
        """What its trials have in common: the fields of a `TrialSpec` that it decides."""
        return {
            "architecture": self.spec.architecture,
            "options": self.spec.options,
            "weights": weights_identity(self.spec.weights, self.sha256),
            "data": self.dataset.identity(),
        }

    def removable(self, target: str) -> Removable:
        """What a target can remove; asked for again, the same one."""
        return self._targets.setdefault(target, Removable(self.inventory, target))


@dataclass(frozen=True)
class CriterionEntry:
    """A criterion of the study with its search; `search` is None where it is the criterion's own choice."""

    choice: CriterionChoice
    label: str
    plugin: Criterion
    search: Search | None
    draws: int

    @cached_property
    def found_search(self) -> Search:
        """The search that turns its scores into sets, its own choice included."""
        return self.search or searches.create({"name": self.plugin.searches[0]})

    @cached_property
    def identity(self) -> Options:
        """What its trials have in common, and the models and targets that it is for."""
        search = self.search.identity() if self.search else None
        only: Options = self.choice.for_.model_dump(mode="json")
        return {"criterion": self.plugin.identity(), "search": search, "for": only}

    @property
    def draw_numbers(self) -> Sequence[int | None]:
        """0, 1, ... for a random criterion, one None for the others."""
        return range(self.draws) if self.plugin.is_random else (None,)


@dataclass(frozen=True)
class RecoveryEntry:
    """A recovery of the study by label."""

    label: str
    plugin: Recovery

    @cached_property
    def identity(self) -> Options | None:
        """What a digest holds; None where nothing is trained."""
        return self.plugin.identity() if self.plugin.trains else None


@dataclass(frozen=True)
class TransformEntry:
    """A chain of transforms of the study by label; each with the first stage whose network has it."""

    label: str
    chain: tuple[tuple[str, Transform], ...]

    @cached_property
    def identity(self) -> list[Options]:
        """What a digest holds: each transform, and its stage where it is not the transform's own."""
        return [plugin.identity() | ({} if stage == plugin.starts else {"from": stage}) for stage, plugin in self.chain]


@dataclass(frozen=True)
class RuntimeEntry:
    """A runtime of the study by label."""

    label: str
    runtime: Runtime

    @cached_property
    def identity(self) -> Options | None:
        """What a digest holds; None for the default one."""
        return self.runtime.identity()


@dataclass
class Checked:
    """The parts of a study that were found good, by the index of their entry, and what is wrong with the rest."""

    models: dict[int, ModelEntry] = field(default_factory=dict)
    criteria: dict[int, CriterionEntry] = field(default_factory=dict)
    recoveries: dict[int, RecoveryEntry] = field(default_factory=dict)
    transforms: dict[int, TransformEntry] = field(default_factory=dict)
    runtimes: dict[int, RuntimeEntry] = field(default_factory=dict)
    references: dict[int, ModelEntry] = field(default_factory=dict)
    collectors: list[Collector] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)  # targets that no family knows
    problems: list[Problem] = field(default_factory=list)


def attempt(checked: Checked, where: str, make: Callable[[], P]) -> P | None:
    """What `make` gives; None, with its problems noted `where`, when it cannot or a module it needs is missing."""
    try:
        made = make()
    except HarnessError as error:
        checked.problems += [p if p.where.startswith(where) else p.under(where) for p in error.problems]
        return None
    missing = [module for module in made.needs if importlib.util.find_spec(module.partition(".")[0]) is None]
    if missing:
        remedy = f"; pip install 'ablation-harness[{made.extra}]'" if made.extra else ""
        checked.problems.append(Problem(where, f"{made.name!r} needs {', '.join(missing)}, not installed here{remedy}"))
        return None
    return made


def create(checked: Checked, registry: Registry[P], choice: Choice, where: str) -> P | None:
    """A plug-in of a choice; None with its problems noted."""
    return attempt(checked, where, lambda: registry.create(choice.identity(), where, choice.reserved()))


def label_of(choice: Choice, plugin: Plugin) -> str:
    """The word for tables: the label, else the name with the options that are not at their default."""
    if choice.label:
        return choice.label
    extras = [f"{key}_{value}" for key, value in plugin.options().items()]
    text = "-".join([choice.name, *extras])
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", text)[:64]


def check_unique(checked: Checked, entries: Iterable[tuple[str, str, Json]]) -> None:
    """Notes every entry, given by place, label and identity, that has the label of another or is the same as another.

    Trials are kept by what they are: under two labels they would be shown under the first alone. An identity of None
    is one that is not known.
    """
    labels: dict[str, str] = {}
    identities: dict[str, str] = {}
    for where, label, identity in entries:
        namesake = labels.setdefault(label, where)
        twin = where if identity is None else identities.setdefault(canonical(identity), where)
        if namesake != where:
            message = f"is called {label!r} like {namesake}; give one of them another label"
            checked.problems.append(Problem(where, message))
        elif twin != where:
            message = f"is the same as {twin} under another label, so their trials would be the same; leave one out"
            checked.problems.append(Problem(where, message))
