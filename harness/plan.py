"""From a study to its trials and the stages they need; every problem is found here, before anything runs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness import grid
from harness.bulk import in_bulk
from harness.checks import check_names
from harness.collectors.base import Collector
from harness.datasets.base import Dataset
from harness.drafts import Drafts
from harness.entries import Checked, CriterionEntry
from harness.errors import Problem, SpecError
from harness.executors.base import executors
from harness.model_checks import located
from harness.plugins import load_plugins
from harness.points import Axes, assurance_faults, faults, points, uncompared
from harness.questions import Scene, questions
from harness.records import Asked, StudyIndex, TrialInfo
from harness.roots import place_artifacts
from harness.runtimes import Runtime
from harness.schema import Options, canonical
from harness.sharing import Sharing
from harness.spec import AMOUNTS, FileWeights, ModelSpec, Published, ReferenceModel, Study
from harness.store import RESERVED
from harness.study_file import StudyFile, absolute


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
    uneven: frozenset[tuple[str, str]]  # models and targets whose units are not all alike
    references: tuple[Options, ...] = ()
    plugins: tuple[str, ...] = ()
    test_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of data, by its canonical identity
    parts: Mapping[str, dict[str, int]] = field(default_factory=dict)  # items, by label of the data and part

    def questions(self, trial: TrialInfo, collectors: Sequence[Collector]) -> tuple[Asked, ...]:
        """What these collectors ask of a trial."""
        scene = self._scene(trial)
        return tuple(asked for collector in collectors for asked in questions(collector, scene))

    def kind_of(self, trial: TrialInfo) -> Hashable:
        """Equal for trials that are asked the same: labels of models and runtimes are unique in a study."""
        return trial.is_baseline, trial.runtime, trial.model

    def _scene(self, trial: TrialInfo) -> Scene:
        runtime = Runtime.model_validate(trial.spec.get("runtime") or {})
        return Scene(trial.is_baseline, runtime, self.test_sets.get(canonical(trial.spec["data"]), ()))

    def stage_counts(self) -> dict[str, int]:
        """How often each stage must be made; for recover, evaluate and cost an upper bound, since sets may coincide."""
        return self.sharing.counts(self.trials)

    @cached_property
    def sharing(self) -> Sharing:
        """What the trials share at each stage."""
        return Sharing(self.trials, self.uneven, self.study.costs == "shared")

    def index(self, command: str = "") -> StudyIndex:
        """What the read half is told of the plan; `command` is what it says how to run the study."""
        study, criteria = self.study, self.criteria
        return StudyIndex(
            study=study.study,
            question=study.question,
            contrast=study.report.contrast,
            networks=study.report.networks,
            recommend=study.report.recommend,
            criteria=tuple(entry.label for entry in criteria),
            collectors=tuple(collector.name for collector in self.collectors),
            command=command,
            is_synthetic=self.is_synthetic,
            random_criteria=tuple(entry.label for entry in criteria if entry.plugin.is_random),
            calibrated_criteria=tuple(entry.label for entry in criteria if entry.plugin.needs_calibration),
            collector_options=tuple({"name": c.name, **c.model_dump(mode="json")} for c in self.collectors),
            parts=dict(self.parts),
            references=self.references,
            trials=self.trials,
        )


@in_bulk()
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
    plugged = [file.located(p) for p in _load_plugins(study)]
    if plugged:
        raise SpecError([*problems, *plugged])  # names of theirs would all be unknown
    checked = check_names(study, paths, place_artifacts(results, paths.get("artifacts")) / "inventory")
    axes = grid.axes_of(study)
    found = checked.problems + grid.zip_problems(study, axes) + grid.exclude_problems(study)
    found += executors.problems(file.site.executor, "executor")
    found += [Problem("study", f"{study.study!r} is a folder of its own")] if study.study in RESERVED else []
    if file.site.stage_data and "scratch" not in paths:
        found.append(Problem("stage_data", "needs a folder on the nodes; the site file says it: paths: {scratch: DIR}"))
    problems += [file.located(p) for p in found]
    if not any(p.where.startswith("zip") for p in found):
        # A second look at what is sound, so that a count out of range is told with the rest.
        problems += [file.located(p) for p in _point_problems(study, axes, checked)]
    if problems:
        raise SpecError(problems)
    return _planned(study, axes, checked)


def _load_plugins(study: Study) -> list[Problem]:
    problems: list[Problem] = []
    for index, path in enumerate(study.plugins):
        try:
            load_plugins([Path(path)])
        except SpecError as error:
            problems += [p.under(f"plugins.{index}") for p in error.problems]
    return problems


def _with_absolute_files(study: Study, folder: Path) -> Study:
    models = tuple(_with_absolute_file(model, folder) for model in study.models)
    references = tuple(
        reference.model_copy(update={"model": _with_absolute_file(reference.model, folder)})
        if isinstance(reference, ReferenceModel)
        else reference
        for reference in study.references
    )
    plugins = tuple(str(absolute(plugin, folder)) for plugin in study.plugins)
    return study.model_copy(update={"models": models, "references": references, "plugins": plugins})


def _with_absolute_file(model: ModelSpec, folder: Path) -> ModelSpec:
    model = located(model, folder)
    if not isinstance(model.weights, FileWeights):
        return model
    place = str(absolute(model.weights.file, folder))
    return model.model_copy(update={"weights": model.weights.model_copy(update={"file": place})})


def _point_problems(study: Study, axes: Axes, checked: Checked) -> list[Problem]:
    """Points that cannot be: each fault once, however many points share it."""
    draws = max((len(entry.draw_numbers) for entry in checked.criteria.values()), default=1)
    if grid.size(study, axes) > max(study.limits.trials, 1) * max(draws, 1) * 10:
        return [_too_many(grid.size(study, axes), study.limits.trials)]
    found: dict[str, Problem] = {}
    counts: set[int | None] = set()
    trials = 0
    for index, point in points(study, axes, checked):
        trials += len(point.criterion.draw_numbers) * len(point.seeds)
        counts.add(point.count)
        for problem in (*faults(index, point), *assurance_faults(study, point)):
            found.setdefault(str(problem), problem)
    fault = uncompared(study, counts)
    if fault is not None:
        found["optimum"] = fault
    if trials > study.limits.trials:
        found["limits"] = _too_many(trials, study.limits.trials)
    if not trials and not found and not checked.problems:
        place = "exclude" if study.exclude else next(name for name in AMOUNTS if name in axes)
        found["grid"] = Problem(place, "leaves no trial at all")
    return list(found.values())


def _too_many(trials: int, limit: int) -> Problem:
    return Problem(
        "limits.trials", f"the grid has {trials} trials, more than {limit}; raise the limit if that is meant"
    )


def _planned(study: Study, axes: Axes, checked: Checked) -> Plan:
    drafts = Drafts(study.study)
    uneven: set[tuple[str, str]] = set()
    for _, point in points(study, axes, checked):
        drafts.add(point)
        if not point.removable.is_uniform:
            uneven.add((point.model.spec.name, point.target))
    for model in checked.references.values():
        for seeds in grid.seed_choices(study.seeds):
            for runtime in checked.runtimes.values():
                drafts.add_dense(model, runtime, seeds)
    models = [*checked.models.values(), *checked.references.values()]
    return Plan(
        study=study,
        trials=drafts.trials,
        collectors=tuple(checked.collectors),
        criteria=tuple(checked.criteria.values()),
        datasets=tuple({canonical(model.dataset.identity()): model.dataset for model in models}.values()),
        files={m.sha256: m.spec.weights.file for m in models if m.sha256 and isinstance(m.spec.weights, FileWeights)},
        is_synthetic=any(model.description.is_synthetic for model in checked.models.values()),
        uneven=frozenset(uneven),
        references=tuple(_reference_words(study)),
        plugins=study.plugins,
        parts={m.dataset.title: m.description.sizes for m in checked.models.values() if m.description.sizes},
        test_sets={canonical(m.dataset.identity()): m.description.test_sets for m in models if m.description.test_sets},
    )


def _reference_words(study: Study) -> Iterator[Options]:
    for reference in study.references:
        yield (
            {"published": reference.published} if isinstance(reference, Published) else {"model": reference.model.name}
        )
