"""Do the names and options of a study exist and fit together? Everything is asked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.collectors.base import Collector, collectors
from harness.criteria.base import Criterion, criteria
from harness.entries import (
    Checked,
    CriterionEntry,
    RecoveryEntry,
    RuntimeEntry,
    TransformEntry,
    check_unique,
    create,
    label_of,
)
from harness.errors import Problem, unknown
from harness.families.catalogue import families
from harness.hidden import Hidden
from harness.model_checks import check_models
from harness.published.values import names
from harness.records import STAGES
from harness.recoveries.base import recoveries
from harness.searches.base import Search, searches
from harness.spec import Choice, CriterionChoice, Published, ReferenceModel, Study, TransformChoice
from harness.transforms.base import Transform, left_by, misfits, transforms

DRAWS = 5  # of a random criterion, where the study does not say


def check_names(study: Study, paths: Mapping[str, Path], inventories: Path) -> Checked:
    """Looks every name up, reads every option, and describes data and models (without loading either)."""
    checked = Checked()
    _check_targets(study, checked)
    _check_criteria(study, checked)
    _check_recoveries(study, checked)
    _check_transforms(study, checked)
    _check_runtimes(study, checked)
    placed = _check_collectors(study, checked)
    _check_references(study, checked)
    check_models(study, paths, inventories, checked)
    _check_tasks(study, checked)
    _check_fit(placed, checked)
    _check_contrast(study, checked)
    _check_networks(study, checked)
    return checked


def known_targets() -> tuple[str, ...]:
    """What a study may call a target: the kinds of sublayers that any family offers, blocks, and kinds together."""
    kinds = {kind for family in families() for kind in family.kinds}
    return (*sorted(kinds), "block", "joint")


def _check_targets(study: Study, checked: Checked) -> None:
    known = known_targets()
    checked.strangers |= set(study.targets) - set(known)
    checked.problems += [
        unknown("target", target, known, f"targets.{index}")
        for index, target in enumerate(study.targets)
        if target not in known
    ]


def _check_criteria(study: Study, checked: Checked) -> None:
    for index, choice in enumerate(study.criteria):
        where = f"criteria.{index}"
        plugin = create(checked, criteria, choice, where)
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
        only = choice.for_.targets
        if only is not None and not set(only) & set(study.targets):
            message = f"{', '.join(only)} is no target of the study, so it would never run"
            checked.problems.append(Problem(f"{where}.for.targets", f"{message}; targets: {', '.join(study.targets)}"))
    check_unique(checked, ((f"criteria.{i}", entry.label, entry.identity) for i, entry in checked.criteria.items()))


def _criterion_label(choice: CriterionChoice, plugin: Criterion, search: Search | None) -> str:
    label = label_of(choice, plugin)
    return label if choice.label or search is None else f"{label}-{search.name}"[:64]


def _search(checked: Checked, choice: CriterionChoice, plugin: Criterion, where: str) -> Search | None:
    if choice.search is None:
        return None
    found = create(checked, searches, choice.search, where)
    if found is not None and found.name not in plugin.searches:
        allowed = ", ".join(plugin.searches)
        checked.problems.append(
            Problem(where, f"{choice.name!r} cannot be searched by {found.name!r}; it can by {allowed}")
        )
    is_own = found is not None and found.name == plugin.searches[0] and not found.options()
    return None if is_own else found


def _check_recoveries(study: Study, checked: Checked) -> None:
    for index, choice in enumerate(study.recoveries):
        plugin = create(checked, recoveries, choice, f"recoveries.{index}")
        if plugin is not None:
            checked.recoveries[index] = RecoveryEntry(label_of(choice, plugin), plugin)
    check_unique(
        checked, ((f"recoveries.{i}", entry.label, [entry.identity]) for i, entry in checked.recoveries.items())
    )


def _check_transforms(study: Study, checked: Checked) -> None:
    for index, chain in enumerate(study.transforms):
        where = f"transforms.{index}"
        places = [where if len(chain) == 1 else f"{where}.{number}" for number in range(len(chain))]
        plugins = [create(checked, transforms, choice, place) for choice, place in zip(chain, places, strict=True)]
        found = [
            (choice.from_ or plugin.starts, plugin, _transform_label(choice, plugin))
            for choice, plugin in zip(chain, plugins, strict=True)
            if plugin is not None
        ]
        if len(found) == len(chain):
            label = "+".join(label for _, _, label in found)[:64] or "none"
            checked.transforms[index] = TransformEntry(label, tuple((stage, plugin) for stage, plugin, _ in found))
        _check_repeats(checked, plugins, places)
        _check_starts(checked, chain, plugins, places)
    check_unique(
        checked, ((f"transforms.{i}", entry.label, [*entry.identity]) for i, entry in checked.transforms.items())
    )


def _check_repeats(checked: Checked, chain: Sequence[Transform | None], places: Sequence[str]) -> None:
    once = [(plugin.name, place) for plugin, place in zip(chain, places, strict=True) if plugin and plugin.is_once]
    names = [name for name, _ in once]
    checked.problems += [
        Problem(place, f"{name!r} is in this chain already; a network can have it once")
        for number, (name, place) in enumerate(once)
        if name in names[:number]
    ]


def _check_starts(
    checked: Checked, chain: Sequence[TransformChoice], plugins: Sequence[Transform | None], places: Sequence[str]
) -> None:
    for choice, plugin, place in zip(chain, plugins, places, strict=True):
        if plugin and choice.from_ and STAGES.index(choice.from_) < STAGES.index(plugin.earliest):
            first = f"{plugin.name!r} can start at {plugin.earliest} at the earliest"
            checked.problems.append(Problem(f"{place}.from", f"{first}, not at {choice.from_}"))


def _transform_label(choice: TransformChoice, plugin: Transform) -> str:
    """The default tells the stage too, where it is not the transform's own."""
    is_own = choice.label or choice.from_ in (None, plugin.starts)
    return label_of(choice, plugin) if is_own else f"{label_of(choice, plugin)}-from_{choice.from_}"


def _check_runtimes(study: Study, checked: Checked) -> None:
    checked.runtimes |= {index: RuntimeEntry(one.title, one) for index, one in enumerate(study.runtimes)}
    check_unique(checked, ((f"runtimes.{i}", entry.label, [entry.identity]) for i, entry in checked.runtimes.items()))


def _check_references(study: Study, checked: Checked) -> None:
    for index, reference in enumerate(study.references):
        if isinstance(reference, Published) and reference.published not in names():
            checked.problems.append(
                unknown("list of published values", reference.published, names(), f"references.{index}.published")
            )


def _check_collectors(study: Study, checked: Checked) -> dict[str, Collector]:
    """The collectors by their place."""
    owners: dict[str, str] = {}
    placed: dict[str, Collector] = {}
    chosen = [(f"collectors.{index}", choice) for index, choice in enumerate(study.collectors)]
    # Written as keys of their own, asked for like every other measurement: what is missing of a finished study is made.
    for key, options in (("stability", study.stability), ("optimum", study.optimum)):
        if options is not None:
            given = options.model_dump(mode="json", exclude_defaults=True)
            chosen.append((key, Choice(name=key, options=given)))
    for where, choice in chosen:
        plugin = create(checked, collectors, choice, where)
        if plugin is None:
            continue
        placed[where] = plugin
        for asked in plugin.asked():
            held = owners.setdefault(asked.key, where)
            if held != where:
                checked.problems.append(Problem(where, f"measures {asked.metric!r} again, as {held} does"))
                break
    checked.collectors += placed.values()
    return placed


def _check_tasks(study: Study, checked: Checked) -> None:
    """A collector that reads outputs knows those of some tasks only."""
    asked = {f"collectors.{index}": choice.name for index, choice in enumerate(study.collectors)}
    asked |= {"optimum": "optimum"} if study.optimum is not None else {}
    members = collectors.members()
    for task in sorted({entry.description.task for entry in checked.models.values()}):
        fit = [name for name, member in members.items() if member.tasks is not None and task in member.tasks]
        for where, name in asked.items():
            own = members[name].tasks if name in members else None
            if own is not None and task not in own:
                message = (
                    f"{name!r} is measured of {', '.join(own)}, and the data is for {task}; it has {', '.join(fit)}"
                )
                checked.problems.append(Problem(where, message))


def _check_fit(placed: Mapping[str, Collector], checked: Checked) -> None:
    """What a collector with these options cannot measure of a network of the study."""
    for where, collector in placed.items():
        faults = [collector.unfit(entry.description.task, entry.inventory.limits) for entry in checked.models.values()]
        faults += [_misfit(collector, entry.inventory.hidden, checked) for entry in checked.models.values()]
        checked.problems += [Problem(where, fault) for fault in dict.fromkeys(filter(None, faults))]


def _misfit(collector: Collector, mlps: Sequence[Hidden], checked: Checked) -> str:
    """What no chain of transforms mends: where one does, the trials without it say why they have no answer."""
    chains = [entry.chain for entry in checked.transforms.values() if not misfits(entry.chain, mlps)]
    faults = [collector.misfit(left_by(chain, mlps)) for chain in chains]
    return faults[0] if all(faults) and faults else ""


def _check_contrast(study: Study, checked: Checked) -> None:
    labels = [entry.label for entry in checked.criteria.values()]
    pair = study.report.contrast or ()
    if len(checked.criteria) == len(study.criteria):
        checked.problems += [
            unknown("criterion", name, labels, f"report.contrast.{index}")
            for index, name in enumerate(pair)
            if name not in labels
        ]


def _check_networks(study: Study, checked: Checked) -> None:
    """Pairs of whole networks are two different models or references of the study."""
    whole = [one.model for one in study.references if isinstance(one, ReferenceModel)]
    labels = [model.name for model in (*study.models, *whole)]
    for place, pair in enumerate(study.report.networks):
        where = f"report.networks.{place}"
        checked.problems += [
            unknown("network", name, labels, f"{where}.{index}")
            for index, name in enumerate(pair)
            if name not in labels
        ]
        if pair[0] == pair[1]:
            checked.problems.append(Problem(where, f"{pair[0]!r} stands there twice; name another network beside it"))
