"""What a study asks, as its plan file tells: the view that every rule of the linter has of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from harness.records import StudyIndex, TrialInfo
from harness.schema import Options
from harness.trials import SEEDS

Pair: TypeAlias = tuple[str, str]  # a model and its data, by label
Network: TypeAlias = tuple[str, str, int | None]  # a pair, and the seed of its weights
Place: TypeAlias = tuple[str, str]  # a model and what is removed from it
# By collector, and by metric where a plan was told from records alone.
ACCURACY = ("accuracy", "top1", "perplexity", "bits_per_byte")  # of text, what stands for it


@dataclass(frozen=True)
class Facts:
    """A study's plan by what it varies; whole networks that stand beside it are no part of it."""

    index: StudyIndex

    @cached_property
    def trials(self) -> tuple[TrialInfo, ...]:
        """Every trial of the study's own models."""
        beside = {reference.get("model") for reference in self.index.references}
        return tuple(trial for trial in self.index.trials if trial.model not in beside)

    @cached_property
    def candidates(self) -> tuple[TrialInfo, ...]:
        """Those with something removed."""
        return tuple(trial for trial in self.trials if trial.criterion is not None)

    @cached_property
    def criteria(self) -> Mapping[str, str]:
        """The name of the criterion behind every label."""
        return {str(trial.criterion): str(inner(trial.spec, "criterion", "name")) for trial in self.candidates}

    @cached_property
    def networks(self) -> Mapping[str, frozenset[Network]]:
        """The trained networks that each criterion meets, by label; published weights are one network."""
        found: dict[str, set[Network]] = {}
        for trial in self.candidates:
            network = (trial.model, trial.data, trial.model_seed)
            found.setdefault(str(trial.criterion), set()).add(network)
        return {label: frozenset(networks) for label, networks in found.items()}

    @cached_property
    def pairs(self) -> Mapping[Pair, int]:
        """How many trained networks each pair of a model and data has."""
        every = sorted(frozenset().union(*self.networks.values()), key=str)
        pairs = [(model, data) for model, data, _ in every]
        return {pair: pairs.count(pair) for pair in dict.fromkeys(pairs)}

    @cached_property
    def places(self) -> Mapping[Place, frozenset[str]]:
        """The criteria, by label, that choose from each target of each model."""
        found: dict[Place, set[str]] = {}
        for trial in self.candidates:
            found.setdefault((trial.model, str(trial.target)), set()).add(str(trial.criterion))
        return {place: frozenset(labels) for place, labels in sorted(found.items())}

    @cached_property
    def data_sets(self) -> Mapping[str, Options]:
        """The data behind every label: name and options."""
        return {trial.data: inner(trial.spec, "data") or {} for trial in self.candidates}

    @property
    def asks_accuracy(self) -> bool:
        """Whether the study wants to know what a removal loses."""
        return self.asks(ACCURACY)

    @property
    def compares_criteria(self) -> bool:
        """Whether criteria are told apart by what a removal loses."""
        return self.asks_accuracy and len(self.criteria) > 1

    @property
    def contrast(self) -> tuple[str, str] | None:
        """The pair of criteria that is tested once: the study's own, else its first two."""
        if self.index.contrast is not None:
            return self.index.contrast
        return (self.index.criteria[0], self.index.criteria[1]) if len(self.index.criteria) > 1 else None

    @property
    def trains(self) -> bool:
        """Whether anything is trained after a removal."""
        return any(trial.spec.get("recovery") for trial in self.candidates)

    @cached_property
    def arms(self) -> tuple[Options, ...]:
        """What is compared, once for all counts, draws and seeds: a spec for each choice and recovery of a network."""
        found = {
            (t.model, t.data, t.target, t.criterion, t.removal, t.recovery, t.transform, t.runtime): t.spec
            for t in self.trials
        }
        return tuple({key: value for key, value in spec.items() if key not in SEEDS} for spec in found.values())

    @property
    def is_whole(self) -> bool:
        """Whether the plan holds options of collectors and sizes of data: those of an earlier harness do not."""
        return bool(self.index.collector_options)

    def asks(self, names: Iterable[str]) -> bool:
        """Whether any of these collectors is asked for."""
        return bool(set(names) & set(self.index.collectors))

    def options_of(self, *names: str) -> tuple[Options, ...]:
        """All options of the collectors of these names."""
        return tuple(options for options in self.index.collector_options if options.get("name") in names)

    def without(self, *names: str) -> tuple[Place, ...]:
        """The targets of models that no criterion of these names chooses from."""
        return tuple(
            place for place, labels in self.places.items() if not any(self.criteria[label] in names for label in labels)
        )


def inner(options: Options, *path: str) -> Any:
    """What stands at a path of nested options; None where nothing does."""
    found: Any = options
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
