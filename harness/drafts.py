"""The trials of a study from the points of its grid: what many of them share is worked out and spelled once."""

from __future__ import annotations

import hashlib
from typing import Any

from harness.entries import ModelEntry, RuntimeEntry
from harness.grid import SeedChoice
from harness.points import Point
from harness.records import TrialInfo
from harness.schema import Options, Spelling
from harness.trials import (
    DIGITS,
    SEEDS,
    Labels,
    TrialSpec,
    identity_of,
    sibling,
    trial_info,
    unremoved,
    untouched,
    uses_model_seed,
)


class Drafts:
    """Trials as they are added: each once, by what it is, under the labels that it was first met with."""

    def __init__(self, study: str) -> None:
        self._study = study
        self._spelling = Spelling()
        self._models: dict[str, Options] = {}
        self._dense: dict[str, TrialInfo] = {}
        self._baselines: dict[str, TrialInfo] = {}
        self._candidates: dict[str, TrialInfo] = {}
        self._compared: dict[tuple[Any, ...], tuple[str, str]] = {}

    @property
    def trials(self) -> tuple[TrialInfo, ...]:
        """Dense references, then baselines, then candidates."""
        return tuple((self._dense | self._baselines | self._candidates).values())

    def add(self, point: Point) -> None:
        """The candidates of a point, one for each seed and draw, with what they are compared with."""
        labels, shared = _labels(self._study, point), self._shared(point)
        names = sorted(name for name in SEEDS if name in shared)
        places = [SEEDS.index(name) for name in names]
        pattern = self._spelling.pattern(shared, names)
        like: TrialInfo | None = None
        for seeds in point.seeds:
            for draw in point.criterion.draw_numbers:
                every = (seeds.model, seeds.selection, seeds.recovery, draw)
                used = tuple([every[place] for place in places])
                found = _sha256(pattern % used)
                if found not in self._candidates:
                    identity = {**shared, **dict(zip(names, used, strict=True))}
                    compared = self._compared_with(identity, labels)
                    own = (identity, labels, found[:DIGITS], compared)
                    like = self._candidates[found] = trial_info(*own) if like is None else sibling(like, *own)

    def add_dense(self, model: ModelEntry, runtime: RuntimeEntry, seeds: SeedChoice) -> None:
        """A network beside the study: whole, untrained after preparing."""
        network = self._network(model)
        whole = {**network, "model_seed": seeds.model if uses_model_seed(network) else None}
        labels = Labels(study=self._study, model=model.spec.name, data=model.dataset.title, runtime=runtime.label)
        identity = identity_of(whole | {"runtime": runtime.identity})
        found = _sha256(self._spelling.canonical(identity))
        self._dense[found] = trial_info(identity, labels, found[:DIGITS], None)

    def _network(self, model: ModelEntry) -> Options:
        """The fields that a model decides, its seed not among them."""
        held = self._models.get(model.spec.name)
        if held is None:
            held = self._models[model.spec.name] = TrialSpec.model_validate(model.identity).identity()
        return held

    def _shared(self, point: Point) -> Options:
        """What the identities of a point's trials have in common, with a zero for each seed that they use."""
        criterion, budget, network = point.criterion.identity, point.budget, self._network(point.model)
        is_random, recovery = point.criterion.plugin.is_random, point.recovery.identity
        fields: Options = {
            **network,
            "model_seed": 0 if uses_model_seed(network) else None,
            "target": point.target,
            "criterion": criterion["criterion"],
            "search": criterion["search"],
            "selection_seed": 0 if is_random else None,
            "draw": 0 if is_random else None,
            "count": point.count,
            "budget": {budget.cost: budget.share} if budget else None,
            "removal": point.removal,
            "recovery": recovery,
            "recovery_seed": None if recovery is None else 0,
            "transforms": [*point.transform.identity],
            "runtime": point.runtime.identity,
        }
        return identity_of(fields)

    def _compared_with(self, identity: Options, labels: Labels) -> tuple[str, str]:
        """The ids of the baseline and of the untouched trial, which many candidates share."""
        words = (labels.model, labels.transform, labels.runtime, labels.recovery)
        key = (*words, identity.get("model_seed"), identity.get("recovery_seed"))
        held = self._compared.get(key)
        if held is None:
            bare = labels.model_copy(update={"criterion": None})
            without = self._whole(untouched(identity), bare.model_copy(update={"recovery": "none"}), None)
            # An untouched trial is its own baseline where nothing is trained.
            with_ = self._whole(unremoved(identity), bare, without) if "recovery" in identity else without
            held = self._compared[key] = (with_, without)
        return held

    def _whole(self, identity: Options, labels: Labels, without: str | None) -> str:
        """The id of a trial with nothing removed, which is kept."""
        found = _sha256(self._spelling.canonical(identity))
        compared = None if without is None else (None, without)
        trial = self._baselines.setdefault(found, trial_info(identity, labels, found[:DIGITS], compared))
        return trial.id


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _labels(study: str, point: Point) -> Labels:
    return Labels(
        study=study,
        model=point.model.spec.name,
        data=point.model.dataset.title,
        criterion=point.criterion.label,
        recovery=point.recovery.label,
        transform=point.transform.label,
        runtime=point.runtime.label,
        of=point.of,
    )
