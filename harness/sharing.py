"""What trials of one plan share at each stage, as far as that is known before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence

from harness.records import STAGES, TrialInfo
from harness.schema import canonical

Key = Callable[[TrialInfo], Hashable]  # None for a trial that makes nothing at the stage


class Sharing:
    """Keys of what is made at each stage, from the axes of trials: equal ones are made once.

    Sets of sublayers are known only after `select`. So recovered networks, outcomes and costs may coincide although
    their keys do not, and what is counted by them is an upper bound.
    """

    def __init__(self, trials: Sequence[TrialInfo], uneven: Collection[tuple[str, str]], shares_costs: bool) -> None:
        """`uneven` are models and targets whose units differ, so that a count of them does not say what is left."""
        self._uneven = uneven
        self._networks = {trial.model: _network(trial) for trial in {t.model: t for t in trials}.values()}
        self.keys: dict[str, Key] = {
            "prepare": _prepared,
            "select": _selected,
            "recover": _recovered,
            "evaluate": _itself,
            "cost": self._structure if shares_costs else _itself,
        }

    def counts(self, trials: Sequence[TrialInfo]) -> dict[str, int]:
        """How often each stage must be made for these trials."""
        found: dict[str, set[Hashable]] = {stage: {*map(self.keys[stage], trials)} for stage in STAGES}
        return {stage: len(keys - {None}) for stage, keys in found.items()}

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


def _prepared(trial: TrialInfo) -> Hashable:
    return trial.model, trial.model_seed, trial.transform


def _selected(trial: TrialInfo) -> Hashable:
    if trial.baseline is None:
        return None
    made = (trial.model, trial.model_seed, trial.transform, trial.target, trial.criterion, trial.removal)
    return *made, trial.selection_seed, trial.draw


def _recovered(trial: TrialInfo) -> Hashable:
    if "recovery" not in trial.spec:
        return None
    return _prepared(trial), _selected(trial), trial.count, trial.budget, trial.recovery, trial.recovery_seed
