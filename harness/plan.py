"""From a study to its trials and the stages they need; every problem is found here, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import grid
from harness.checks import Checked, CriterionEntry, ModelEntry, RecoveryEntry, check_names
from harness.collectors.base import Collector
from harness.datasets.base import Dataset
from harness.errors import Problem, SpecError
from harness.executors.base import executors
from harness.inventory import removable
from harness.records import TrialInfo
from harness.schema import canonical
from harness.spec import FileWeights, Study
from harness.store import RESERVED
from harness.study_file import StudyFile, absolute
from harness.trials import Labels, TrialSpec, trial_info, uses_model_seed, weights_identity


@dataclass(frozen=True)
class Plan:
    """A checked study: its trials (baselines first, each once), its collectors, and where weights files lie."""

    study: Study
    trials: tuple[TrialInfo, ...]
    collectors: tuple[Collector, ...]
    criteria: tuple[CriterionEntry, ...]
    datasets: tuple[Dataset, ...]
    files: dict[str, str]
    is_synthetic: bool
    structures: int

    def stage_counts(self) -> dict[str, int]:
        """How often each stage must be made; for recover, evaluate and cost an upper bound, since sets may coincide."""
        specs = [TrialSpec.model_validate(trial.spec) for trial in self.trials]
        prepared = {canonical(_prepared(spec)) for spec in specs}
        selected = {canonical(_selected(spec)) for spec in specs if spec.count is not None}
        return {
            "prepare": len(prepared),
            "select": len(selected),
            "recover": sum(spec.recovery is not None for spec in specs),
            "evaluate": len(specs),
            "cost": self.structures if self.study.costs == "shared" else len(specs),
        }


def _prepared(spec: TrialSpec) -> dict[str, Any]:
    return spec.untouched().identity()


def _selected(spec: TrialSpec) -> dict[str, Any]:
    free = {"count": None, "recovery": None, "recovery_seed": None}
    return spec.model_copy(update=free).identity()


def _structure(spec: TrialSpec, point: _Point) -> str:
    """What a shared cost is keyed by, as far as it is known before selection: an upper bound."""
    shapes = {s.shape for s in point.model.inventory.sublayers if spec.target in (s.kind, "block")}
    if len(shapes) > (2 if spec.target == "block" else 1):
        return canonical(spec.identity())  # which sublayers go decides what is left
    return canonical([spec.architecture, spec.options, spec.data, spec.target, spec.count, spec.removal])


@dataclass(frozen=True)
class _Point:
    """One point of the grid with its entries in hand."""

    model: ModelEntry
    target: str
    criterion: CriterionEntry
    amount: int | float
    removal: str
    recovery: RecoveryEntry
    seeds: grid.SeedChoice

    @property
    def of(self) -> int:
        return len(removable(self.model.inventory, self.target))

    @property
    def count(self) -> int:
        """The number of units to remove; a ratio is rounded half up."""
        return self.amount if isinstance(self.amount, int) else math.floor(self.amount * self.of + 0.5)

    def words(self) -> dict[str, Any]:
        """The point as `exclude` names it."""
        return {
            "model": self.model.spec.name,
            "target": self.target,
            "criterion": self.criterion.label,
            "count": self.count,
            "ratio": self.amount if isinstance(self.amount, float) else None,
            "removal": self.removal,
            "recovery": self.recovery.label,
            "seed": self.seeds.model,
        }


def make_plan(file: StudyFile, results: Path) -> Plan:
    """The plan of a study file; raises SpecError with every problem of the file at once.

    Writes nothing but the inventories of models it has not met; once they are kept it imports no torch.
    """
    problems = list(file.problems)
    if file.study is None:
        raise SpecError(problems)
    study = file.study
    paths = {label: Path(place) for label, place in file.site.paths.items()}
    study = _with_absolute_files(study, file.path.parent)
    if grid.seed_count(study.seeds) > study.limits.trials:
        raise SpecError([*problems, file.located(_too_many(grid.seed_count(study.seeds), study.limits.trials))])
    checked = check_names(study, paths, results / "artifacts" / "inventory")
    axes = grid.axes_of(study)
    found = checked.problems + grid.zip_problems(study, axes) + grid.exclude_problems(study)
    found += executors.problems(file.site.executor, "executor")
    found += [Problem("study", f"{study.study!r} is a folder of its own")] if study.study in RESERVED else []
    problems += [file.located(p) for p in found]
    if not any(p.where.startswith("zip") for p in found):
        # A second look at what is sound, so that a count out of range is told with the rest.
        problems += [file.located(p) for p in _point_problems(study, axes, checked)]
    if problems:
        raise SpecError(problems)
    return _planned(study, axes, checked)


def _with_absolute_files(study: Study, folder: Path) -> Study:
    models = []
    for model in study.models:
        if isinstance(model.weights, FileWeights):
            place = str(absolute(model.weights.file, folder))
            model = model.model_copy(update={"weights": model.weights.model_copy(update={"file": place})})
        models.append(model)
    return study.model_copy(update={"models": tuple(models)})


def _points(
    study: Study, axes: dict[str, tuple[Any, ...]], checked: Checked
) -> Iterator[tuple[dict[str, int], _Point]]:
    for index in grid.points(study, axes):
        model, criterion = checked.models.get(index["models"]), checked.criteria.get(index["criteria"])
        recovery = checked.recoveries.get(index["recoveries"])
        if model is None or criterion is None or recovery is None:
            continue
        amounts = "counts" if "counts" in axes else "ratios"
        point = _Point(
            model=model,
            target=axes["targets"][index["targets"]],
            criterion=criterion,
            amount=axes[amounts][index[amounts]],
            removal=axes["removals"][index["removals"]],
            recovery=recovery,
            seeds=axes["seeds"][index["seeds"]],
        )
        if _is_wanted(point) and not grid.is_excluded(study, point.words()):
            yield index, point


def _is_wanted(point: _Point) -> bool:
    only = point.criterion.choice.for_
    return (only.models is None or point.model.spec.name in only.models) and (
        only.targets is None or point.target in only.targets
    )


def _point_problems(study: Study, axes: dict[str, tuple[Any, ...]], checked: Checked) -> list[Problem]:
    """Points that cannot be: each fault once, however many points share it."""
    draws = max((len(entry.draw_numbers) for entry in checked.criteria.values()), default=1)
    if grid.size(study, axes) > max(study.limits.trials, 1) * max(draws, 1) * 10:
        return [_too_many(grid.size(study, axes), study.limits.trials)]
    found: dict[str, Problem] = {}
    trials = 0
    for index, point in _points(study, axes, checked):
        trials += len(point.criterion.draw_numbers)
        for problem in _faults(index, point):
            found.setdefault(str(problem), problem)
    if trials > study.limits.trials:
        found["limits"] = _too_many(trials, study.limits.trials)
    if not trials and not found and not checked.problems:
        found["grid"] = Problem("exclude", "leaves no trial at all")
    return list(found.values())


def _too_many(trials: int, limit: int) -> Problem:
    return Problem(
        "limits.trials", f"the grid has {trials} trials, more than {limit}; raise the limit if that is meant"
    )


def _faults(index: dict[str, int], point: _Point) -> list[Problem]:
    amounts = "counts" if "counts" in index else "ratios"
    where = f"{amounts}.{index[amounts]}"
    name, target, of, count = point.model.spec.name, point.target, point.of, point.count
    faults = []
    if of < 2:
        faults.append(Problem(f"models.{index['models']}", f"{name!r} has {of} removable {target} units; it needs two"))
    elif not 1 <= count < of:
        word = "nothing" if count < 1 else "everything" if count == of else "more than there is"
        faults.append(Problem(where, f"{point.amount} removes {word}: {name!r} has {of} {target} units; 1 to {of - 1}"))
    if target not in point.criterion.plugin.targets:
        allowed = ", ".join(point.criterion.plugin.targets)
        faults.append(Problem(f"criteria.{index['criteria']}", f"does not score {target!r}; it scores {allowed}"))
    if point.removal == "identity" and target != "attention":
        message = f"'identity' is defined for attention, not for {target!r}; exclude that combination"
        faults.append(Problem(f"removals.{index['removals']}", message))
    items = point.criterion.plugin.calibration_items
    there = point.model.description.sizes.get("calibration") if point.model.description.sizes else None
    if items is not None and there is not None and items > there:
        message = f"asks for {items} calibration items; the data has {there}"
        faults.append(Problem(f"criteria.{index['criteria']}.items", message))
    return faults


def _planned(study: Study, axes: dict[str, tuple[Any, ...]], checked: Checked) -> Plan:
    baselines: dict[str, TrialInfo] = {}
    candidates: dict[str, TrialInfo] = {}
    structures: set[str] = set()
    for _, point in _points(study, axes, checked):
        for draw in point.criterion.draw_numbers:
            spec, labels = _spec(point, draw), _labels(study, point)
            bare = labels.model_copy(update={"criterion": None})
            for other in (spec.untouched(), spec.unremoved()):
                own = bare if other.recovery is not None else bare.model_copy(update={"recovery": "none"})
                structures.add(_structure(other, point))
                baselines.setdefault(canonical(other.identity()), trial_info(other, own))
            structures.add(_structure(spec, point))
            candidates.setdefault(canonical(spec.identity()), trial_info(spec, labels))
    models = checked.models.values()
    return Plan(
        study=study,
        trials=(*baselines.values(), *candidates.values()),
        collectors=tuple(checked.collectors),
        criteria=tuple(checked.criteria.values()),
        datasets=tuple({canonical(model.dataset.identity()): model.dataset for model in models}.values()),
        files={m.sha256: m.spec.weights.file for m in models if m.sha256 and isinstance(m.spec.weights, FileWeights)},
        is_synthetic=any(model.description.is_synthetic for model in models),
        structures=len(structures),
    )


def _spec(point: _Point, draw: int | None) -> TrialSpec:
    model, criterion, recovery = point.model, point.criterion, point.recovery.plugin
    weights = weights_identity(model.spec.weights, model.sha256)
    return TrialSpec(
        architecture=model.spec.architecture,
        options=model.spec.options,
        weights=weights,
        data=model.dataset.identity(),
        model_seed=point.seeds.model if uses_model_seed(weights) else None,
        target=point.target,
        criterion=criterion.plugin.identity(),
        search=criterion.search.identity() if criterion.search else None,
        selection_seed=point.seeds.selection if criterion.plugin.is_random else None,
        draw=draw,
        count=point.count,
        removal=point.removal,
        recovery=recovery.identity() if recovery.trains else None,
        recovery_seed=point.seeds.recovery if recovery.trains else None,
    )


def _labels(study: Study, point: _Point) -> Labels:
    return Labels(
        study=study.study,
        model=point.model.spec.name,
        data=point.model.dataset.title,
        criterion=point.criterion.label,
        recovery=point.recovery.label,
        of=point.of,
    )
