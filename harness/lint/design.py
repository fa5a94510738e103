"""Rules on the size of a study: models, data, networks, operating points, and what is tested."""

from __future__ import annotations

from harness.lint.base import Found, Rule
from harness.lint.facts import Facts
from harness.lint.sources import BLALOCK, BOUTHILLIER, FISHER, GELMAN
from harness.stats import fewest_signs
from harness.wording import counted, listed

PAIRS, POINTS = 3, 5
LEVEL = 0.05
NETWORKS = fewest_signs(LEVEL)
TOYS = ("digits", "fashion_mnist", "synthetic")
LISTED = "fixed"  # the criterion that brings its own counts


def _few_pairs(study: Facts) -> Found:
    named = listed(f"{model} on {data}" for model, data in study.pairs)
    return Found(len(study.pairs) >= PAIRS, f"{counted(len(study.pairs), 'pair')} of a model and data: {named}")


def _toy_data(study: Facts) -> Found | None:
    if not study.asks_accuracy:
        return None
    names = {str(options.get("name")) for options in study.data_sets.values()}
    real = sorted(names - {*TOYS})
    return Found(bool(real), f"data beyond toys: {listed(real)}" if real else f"all data are toys: {listed(names)}")


def _few_points(study: Facts) -> Found:
    """The curve with the fewest points; published lists bring one each, and count only where nothing else is there."""
    curves: dict[tuple[str, str, str], set[object]] = {}
    for trial in study.candidates:
        label = str(trial.criterion)
        if study.criteria[label] != LISTED or set(study.criteria.values()) == {LISTED}:
            key = (trial.model, str(trial.target), "" if study.criteria[label] == LISTED else label)
            curves.setdefault(key, set()).add((trial.budget, trial.count))
    (model, target, label), points = min(curves.items(), key=lambda curve: len(curve[1]))
    by = f" by {label}" if label else ""
    return Found(len(points) >= POINTS, f"{counted(len(points), 'operating point')} ({target} of {model}{by})")


def _one_seed(study: Facts) -> Found | None:
    if not study.asks_accuracy:
        return None
    alone = [f"{model} on {data}" for (model, data), networks in study.pairs.items() if networks < 2]
    fewest = min(study.pairs.values())
    words = f"one network of {listed(alone)}" if alone else f"{fewest} networks or more of each pair"
    return Found(not alone, words)


def _few_networks(study: Facts) -> Found | None:
    if not study.compares_criteria or study.contrast is None:
        return None
    first, second = study.contrast
    none: frozenset[object] = frozenset()
    networks = len(study.networks.get(first, none) & study.networks.get(second, none))
    return Found(networks >= NETWORKS, f"{counted(networks, 'network')} to tell {first} from {second}")


def _no_contrast(study: Facts) -> Found | None:
    if not study.compares_criteria or len(study.criteria) < 3:
        return None
    stated = study.index.contrast
    if stated is None:
        return Found(False, f"{len(study.criteria)} criteria and no stated contrast")
    return Found(True, f"the contrast is stated: {stated[0]} against {stated[1]}")


RULES = (
    Rule(
        "few_pairs",
        f"at least {PAIRS} pairs of a model and data",
        BLALOCK.at("section 6"),
        "add models, or data for them",
        _few_pairs,
    ),
    Rule(
        "toy_data",
        "MNIST and data like it do not count",
        BLALOCK.at("section 6"),
        "add natural images at their own size, ImageNet for one; or claim nothing beyond the toy",
        _toy_data,
    ),
    Rule(
        "few_points",
        f"at least {POINTS} operating points on every curve",
        BLALOCK.at("section 6"),
        "add counts, ratios or budgets",
        _few_points,
    ),
    Rule(
        "one_seed",
        "means and standard deviations over networks, not one measurement",
        BOUTHILLIER,
        "train several (seeds: [0, 1, ...]), or name several published checkpoints",
        _one_seed,
    ),
    Rule(
        "few_networks",
        f"with fewer than {NETWORKS} networks no sign-flip test can reach 5 %",
        FISHER,
        f"{NETWORKS} networks or more that meet both criteria, as seeds or as models",
        _few_networks,
    ),
    Rule(
        "no_contrast",
        "what is tested is chosen before the results are seen",
        GELMAN,
        "state it (report: {contrast: [entropy, similarity]}); else it is the first two criteria",
        _no_contrast,
    ),
)
