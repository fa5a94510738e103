"""What trials of one plan share at each stage, as far as that is known before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any

from harness.records import STAGES, TrialInfo
from harness.schema import canonical
from harness.transforms.base import chain_of

Key = Callable[[TrialInfo], Hashable]  # None for a trial that makes nothing at the stage


class Sharing:
    """Keys of what is made at each stage, from the axes of trials: equal ones are made once.

    Sets of sublayers are known only after `select`. So recovered networks, outcomes and costs may coincide although
    their keys do not, and what is counted by them is an upper bound.
    """

    def __init__(self, trials: Sequence[TrialInfo], uneven: Collection[tuple[str, str]], shares_costs: bool) -> None:
        """`uneven` are models and targets whose units differ, so that a count of them does not say what is left."""
        self._uneven = uneven
        self._early: dict[str, str] = {}
        self._networks = {trial.model: _network(trial) for trial in {t.model: t for t in trials}.values()}
        self.keys: dict[str, Key] = {
            "prepare": self._prepared,
            "select": _selected,
            "recover": self._recovered,
            "evaluate": _itself,
            "cost": self._structure if shares_costs else _itself,
        }

    def counts(self, trials: Sequence[TrialInfo]) -> dict[str, int]:
        """How often each stage must be made for these trials."""
        found: dict[str, set[Hashable]] = {stage: {*map(self.keys[stage], trials)} for stage in STAGES}
        return {stage: len(keys - {None}) for stage, keys in found.items()}

    def makers(self, trials: Sequence[TrialInfo]) -> dict[str, dict[str, str]]:
        """By trial, and by stage that it has a use of: the first of these trials that has the same made there."""
        first: dict[tuple[str, Hashable], str] = {}
        found: dict[str, dict[str, str]] = {}
        for trial in trials:
            keys = {stage: self.keys[stage](trial) for stage in STAGES}
            found[trial.id] = {
                stage: first.setdefault((stage, key), trial.id) for stage, key in keys.items() if key is not None
            }
        return found

    def _prepared(self, trial: TrialInfo) -> Hashable:
        return trial.model, trial.model_seed, self._early_transforms(trial)

    def _recovered(self, trial: TrialInfo) -> Hashable:
        if "recovery" not in trial.spec:
            return None
        made = (trial.model, trial.model_seed, trial.transform, _selected(trial))
        return *made, trial.count, trial.budget, trial.recovery, trial.recovery_seed

    def _early_transforms(self, trial: TrialInfo) -> str:
        """Those that the weights are made with, spelled out once for each label."""
        if trial.transform not in self._early:
            entries: Any = trial.spec.get("transforms", [])
            chain = chain_of(entries)
            self._early[trial.transform] = canonical([one.identity() for stage, one in chain if stage == STAGES[0]])
        return self._early[trial.transform]

    def _structure(self, trial: TrialInfo) -> Hashable:
        """What a shared cost goes by."""
        if trial.baseline and (trial.budget is not None or (trial.model, trial.target) in self._uneven):
            return trial.id  # which sublayers go decides what is left
        network = self._networks[trial.model]
        return network, trial.transform, trial.runtime, trial.target, trial.count, trial.removal


def _network(trial: TrialInfo) -> str:
    return canonical([trial.spec.get(name) for name in ("architecture", "options", "data")])


def _itself(trial: TrialInfo) -> Hashable:
    return trial.id


def _selected(trial: TrialInfo) -> Hashable:
    if trial.baseline is None:
        return None
    made = (trial.model, trial.model_seed, trial.transform, trial.target, trial.criterion, trial.removal)
    return *made, trial.selection_seed, trial.draw
