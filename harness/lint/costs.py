"""Rules on what a study measures: accuracy, time beside compute, enough samples, and targets at equal cost."""

from __future__ import annotations

from harness.lint.base import Found, Rule
from harness.lint.facts import Facts, inner
from harness.lint.sources import BLALOCK, DEHGHANI, HOEFLER, LLM_DROP
from harness.wording import counted, listed

# By collector, and by metric where a plan was told from records alone.
SPEED = (
    *("latency", "throughput", "generation"),
    *("latency_s", "images_per_s", "prefill_tokens_per_s", "decode_tokens_per_s"),
)
SAMPLES, ROUNDS = 30, 3


def _no_accuracy(study: Facts) -> Found:
    of_text = "" if study.asks(("accuracy", "top1")) else ", as perplexity"
    return Found(
        study.asks_accuracy, f"accuracy is measured{of_text}" if study.asks_accuracy else "accuracy is not measured"
    )


def _no_speed(study: Facts) -> Found:
    found = study.asks(SPEED)
    return Found(found, "time is measured" if found else "no time is measured, only what stands for it")


def _one_cost(study: Facts) -> Found:
    lacking = [name for name in ("macs", "params") if not study.asks((name,))]
    return Found(not lacking, f"not measured: {listed(lacking)}" if lacking else "MACs and parameters are measured")


def _few_samples(study: Facts) -> Found | None:
    if not study.asks(SPEED):
        return None
    timed = study.options_of("latency", "throughput", "generation")
    if not timed:
        return Found(None, "the plan does not tell how often")
    rounds = min(inner(options, "rounds") for options in timed)
    samples = min(inner(options, "rounds") * inner(options, "pairs") for options in timed)
    words = f"{counted(samples, 'pair')} of timings or more, in {counted(rounds, 'round')}"
    return Found(samples >= SAMPLES and rounds >= ROUNDS, words)


def _unmatched_budgets(study: Facts) -> Found | None:
    targets: dict[str, set[str]] = {}
    for model, target in study.places:
        targets.setdefault(model, set()).add(target)
    compared = next((found for found in targets.values() if len(found) > 1), None)
    if compared is None:
        return None
    is_matched = all(trial.budget is not None for trial in study.candidates)
    how = "at equal budgets" if is_matched else "by counts of sublayers"
    return Found(is_matched, f"{listed(compared)} are compared {how}")


RULES = (
    Rule(
        "no_accuracy",
        "a saving says nothing without what it loses",
        BLALOCK.at("section 6"),
        "add accuracy to the collectors, on data with labels",
        _no_accuracy,
    ),
    Rule(
        "no_speed",
        "compute saved is not time saved",
        DEHGHANI,
        "add latency or throughput to the collectors",
        _no_speed,
    ),
    Rule(
        "one_cost",
        "both the saved parameters and the saved multiply-adds",
        BLALOCK.at("section 6"),
        "add macs and params to the collectors",
        _one_cost,
    ),
    Rule(
        "few_samples",
        f"intervals of timings, from {SAMPLES} pairs and {ROUNDS} rounds or more",
        HOEFLER.at("rule 5"),
        "leave rounds and pairs of latency and throughput at their defaults",
        _few_samples,
    ),
    Rule(
        "unmatched_budgets",
        "so many attentions and so many MLPs save unlike amounts: targets are compared at the same saving",
        LLM_DROP.at("its speedup degradation ratio"),
        "budgets: {macs: [...]} in place of counts or ratios",
        _unmatched_budgets,
    ),
)
