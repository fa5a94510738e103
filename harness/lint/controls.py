"""Rules on what a study compares with: controls without insight, dense networks, and the same training for all."""

from __future__ import annotations

from harness import fairness
from harness.lint.base import Found, Rule
from harness.lint.facts import Facts, Place, inner
from harness.lint.sources import BLALOCK, GROMOV, LIU, WANG
from harness.wording import counted, listed

DRAWS = 5
RANDOM, POSITIONS, MAGNITUDES = "random", ("first", "last", "evenly"), ("magnitude", "relative_magnitude")


def _no_random(study: Facts) -> Found | None:
    # A plug-in may be random too: the plan says which labels are.
    lacking = [place for place, labels in study.places.items() if not labels & {*study.index.random_criteria}]
    return _control(study, lacking, "random choice")


def _few_draws(study: Facts) -> Found | None:
    draws: dict[str, set[int | None]] = {}
    for trial in study.candidates:
        if trial.criterion in study.index.random_criteria:
            draws.setdefault(str(trial.criterion), set()).add(trial.draw)
    if not draws or not study.asks_accuracy:
        return None
    label = min(draws, key=lambda name: len(draws[name]))
    return Found(len(draws[label]) >= DRAWS, f"{counted(len(draws[label]), 'draw')} of {label} for each network")


def _no_magnitude(study: Facts) -> Found | None:
    return _control(study, study.without(*MAGNITUDES), "choice by magnitude")


def _no_position(study: Facts) -> Found | None:
    return _control(study, study.without(*POSITIONS), "choice by depth alone")


def _control(study: Facts, lacking: list[Place] | tuple[Place, ...], what: str) -> Found | None:
    """Whether a control stands beside the criteria wherever they choose; None where nothing but controls does."""
    controls = {RANDOM, *POSITIONS}
    if not study.asks_accuracy or set(study.criteria.values()) <= controls:
        return None
    words = f"no {what} beside {listed(f'{target} of {model}' for model, target in lacking)}"
    return Found(not lacking, words if lacking else f"a {what} stands beside every criterion")


def _no_dense(study: Facts) -> Found | None:
    if not study.asks_accuracy:
        return None
    dense = [str(reference["model"]) for reference in study.index.references if "model" in reference]
    return Found(bool(dense), f"dense networks beside: {listed(dense)}" if dense else "no dense network beside")


def _no_scratch(study: Facts) -> Found | None:
    recoveries = {name for trial in study.candidates if (name := inner(trial.spec, "recovery", "name"))}
    if not recoveries:
        return None
    if "scratch" in recoveries:
        return Found(True, "the removed networks are trained from scratch too")
    return Found(False, f"trained after the removal ({listed(recoveries)}) and never from scratch")


def _unlike_baseline(study: Facts) -> Found | None:
    if not study.trains:
        return None
    reasons = fairness.without_baseline(study.arms)
    return Found(not reasons, listed(reasons) if reasons else "every baseline is trained as its candidates are")


def _unequal_recoveries(study: Facts) -> Found | None:
    if not study.trains:
        return None
    reasons = fairness.unequal(study.arms)
    heads = {reason.partition(":")[0] for reason in reasons}  # without the options, which the report's badge lists
    words = "recoveries share length, schedule, augmentation and tries"
    return Found(not reasons, listed(heads) if reasons else words)


RULES = (
    Rule(
        "no_random",
        "a random choice at the same place",
        BLALOCK.at("appendix B"),
        "add {name: random, draws: 5} to the criteria",
        _no_random,
    ),
    Rule(
        "few_draws",
        f"chance has a spread: {DRAWS} draws or more, with their deviation",
        BLALOCK.at("appendix B"),
        "raise draws",
        _few_draws,
    ),
    Rule(
        "no_magnitude",
        "a choice by magnitude at the same place",
        BLALOCK.at("appendix B"),
        "add magnitude or relative_magnitude to the criteria",
        _no_magnitude,
    ),
    Rule(
        "no_position",
        "depth alone is a strong choice, and has to be beaten",
        GROMOV,
        "add last, first or evenly to the criteria",
        _no_position,
    ),
    Rule(
        "no_dense",
        "a smaller dense network may be better than a larger one with parts removed",
        BLALOCK.at("section 3.3"),
        "put one of about the same cost beside (references: [{model: {...}}])",
        _no_dense,
    ),
    Rule(
        "no_scratch",
        "what a trained removal owes to the weights that it kept is told by training the same network from random ones",
        LIU.at("section 3"),
        "add {name: scratch, epochs: ...}, as long as all of the other training together",
        _no_scratch,
    ),
    Rule(
        "unlike_baseline",
        "the whole network gets the training that the removed one gets",
        WANG,
        "leave the baseline's trials in the plan",
        _unlike_baseline,
    ),
    Rule(
        "unequal_recoveries",
        "what is compared shares the length, schedule and tries of its training",
        WANG,
        "give recoveries that stand beside each other one recipe, and every criterion the same recoveries",
        _unequal_recoveries,
    ),
)
