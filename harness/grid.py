"""The points of a study's grid: the product of its axes, zipped where asked, without the excluded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import Problem, unknown
from harness.spec import AXES, Seeds, Study

SINGULAR = {
    "model": "models",
    "target": "targets",
    "criterion": "criteria",
    "count": "counts",
    "ratio": "ratios",
    "budget": "budgets",
    "removal": "removals",
    "recovery": "recoveries",
    "transform": "transforms",
    "runtime": "runtimes",
    "seed": "seeds",
}


@dataclass(frozen=True)
class Budget:
    """The share of a cost that a removal is to save."""

    cost: str
    share: float


@dataclass(frozen=True)
class SeedChoice:
    """One combination of the three seeds."""

    model: int
    selection: int
    recovery: int


def seed_choices(seeds: Seeds) -> tuple[SeedChoice, ...]:
    """Together where the study gives one list, else every combination."""
    if seeds.is_joint:
        return tuple(SeedChoice(seed, seed, seed) for seed in seeds.model)
    return tuple(SeedChoice(*choice) for choice in itertools.product(seeds.model, seeds.selection, seeds.recovery))


def seed_count(seeds: Seeds) -> int:
    """How many combinations `seed_choices` would give, without making them."""
    if seeds.is_joint:
        return len(seeds.model)
    return len(seeds.model) * len(seeds.selection) * len(seeds.recovery)


def axes_of(study: Study) -> dict[str, tuple[Any, ...]]:
    """Every axis that the study has, by its plural name, as entries of the study."""
    return {
        "models": study.models,
        "targets": study.targets,
        "criteria": study.criteria,
        **_amounts(study),
        "removals": study.removals,
        "recoveries": study.recoveries,
        "transforms": study.transforms,
        "runtimes": study.runtimes,
        "seeds": seed_choices(study.seeds),
    }


def _amounts(study: Study) -> dict[str, tuple[Any, ...]]:
    """The one axis that says how much goes; a single blank where every criterion brings its own counts."""
    if study.ratios is not None:
        return {"ratios": study.ratios}
    if study.budgets is not None:
        return {"budgets": tuple(Budget(cost, share) for cost, shares in study.budgets.items() for share in shares)}
    return {"counts": study.counts or (None,)}


def zip_problems(study: Study, axes: Mapping[str, Sequence[Any]]) -> list[Problem]:
    """Axes that do not exist, that move with two groups, or whose lengths differ."""
    problems: list[Problem] = []
    taken: set[str] = set()
    for index, group in enumerate(study.zip):
        where = f"zip.{index}"
        problems += [unknown("axis", name, axes, where) for name in group if name not in axes]
        problems += [Problem(where, f"{name!r} is zipped twice") for name in group if name in taken]
        taken |= set(group)
        lengths = {name: len(axes[name]) for name in group if name in axes}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            problems.append(Problem(where, f"zipped axes must be of equal length: {listed}"))
    return problems


def exclude_problems(study: Study) -> list[Problem]:
    """Keys of `exclude` that name no axis."""
    return [
        unknown("axis", key, SINGULAR, f"exclude.{index}")
        for index, rule in enumerate(study.exclude)
        for key in rule
        if key not in SINGULAR
    ]


def _groups(study: Study, axes: Mapping[str, Sequence[Any]]) -> list[tuple[str, ...]]:
    zipped = [tuple(group) for group in study.zip]
    alone: list[tuple[str, ...]] = [(name,) for name in axes if not any(name in group for group in zipped)]
    return sorted(zipped + alone, key=lambda group: min(AXES.index(name) for name in group))


def size(study: Study, axes: Mapping[str, Sequence[Any]]) -> int:
    """How many points the grid has before draws and exclusions."""
    return math.prod(len(axes[group[0]]) for group in _groups(study, axes))


def points(study: Study, axes: Mapping[str, Sequence[Any]]) -> Iterator[tuple[dict[str, int], Sequence[int]]]:
    """Each point as the index of its entry on every axis but seeds, with the indices of the seeds that it meets."""
    groups = _groups(study, axes)
    every_seed = range(len(axes["seeds"])) if groups[-1] == ("seeds",) else None  # the last axis, unless it is zipped
    outer = groups if every_seed is None else groups[:-1]
    for choice in itertools.product(*(range(len(axes[group[0]])) for group in outer)):
        index = {name: number for group, number in zip(outer, choice, strict=True) for name in group}
        yield index, (index["seeds"],) if every_seed is None else every_seed


def is_excluded(study: Study, words: Mapping[str, Any]) -> bool:
    """Whether a rule of `exclude` holds for a point, given its words by singular axis name."""
    return any(all(_holds(words.get(key), wanted) for key, wanted in rule.items()) for rule in study.exclude)


def _holds(value: Any, wanted: Any) -> bool:
    return value in wanted if isinstance(wanted, list) else value == wanted
