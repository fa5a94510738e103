"""Is a study's comparison of recoveries fair? Told from its trials' specs alone, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.recipes import RecoveryOptions, TrainOptions
from harness.schema import canonical

Spec: TypeAlias = Mapping[str, Any]
# What a candidate does not share with its baseline.
REMOVAL_FIELDS = {"target", "criterion", "search", "selection_seed", "draw", "count", "budget", "removal"}
RECOVERY_FIELDS = {"recovery", "recovery_seed"}
# Of the options of a training: its length and rate have rules of their own; threads change sums, not the recipe.
APART = {"epochs", "steps", "lr", "tune", "threads"}
SHARED = tuple(name for name in TrainOptions.model_fields if name not in APART)
DEFAULTS = {name: field.default for name, field in RecoveryOptions.model_fields.items()}


@dataclass(frozen=True)
class Verdict:
    """Whether the trials of a study may be compared with each other, and each reason why not, as a sentence."""

    is_fair: bool
    reasons: tuple[str, ...] = ()


def verdict(specs: Iterable[Spec]) -> Verdict:
    """Looks at the `spec` of every trial of one study, baselines among them.

    Fair is: each trial's baseline had the very same recovery; every choice of parts met the same recoveries; and
    recoveries that stand beside each other share total length, schedule and augmentation, and had as many tries at a
    learning rate. `none` is no arm of that race: it shows what was there before.
    """
    given = list({canonical(dict(spec)): spec for spec in specs}.values())
    reasons = (*without_baseline(given), *unequal(given))
    return Verdict(not reasons, reasons)


def without_baseline(specs: Sequence[Spec]) -> tuple[str, ...]:
    """For each candidate without its baseline (nothing removed, everything else equal) a reason, each said once."""
    baselines = {_without(spec, REMOVAL_FIELDS) for spec in specs if _is_baseline(spec)}
    lone = (spec for spec in specs if not _is_baseline(spec) and _without(spec, REMOVAL_FIELDS) not in baselines)
    sentence = "no baseline had the same recovery as a candidate: {}"
    return tuple(dict.fromkeys(sentence.format(named(spec.get("recovery"))) for spec in lone))


def unequal(specs: Sequence[Spec]) -> tuple[str, ...]:
    """What recoveries that stand beside each other do not share, each said once."""
    reasons = [*_arm_reasons(specs)]
    for group in _groups(specs):
        reasons += [*_length_reasons(group), *_tuning_reasons(group), *_option_reasons(group)]
    return tuple(dict.fromkeys(reasons))


def _arm_reasons(specs: Sequence[Spec]) -> Iterator[str]:
    """Criteria (targets, removals) that did not all meet the same recoveries."""
    met: dict[str, dict[str, set[str]]] = {}
    for spec in specs:
        if not _is_baseline(spec):
            # Counts and draws may differ between criteria, and seeds between counts, without any favour.
            around = canonical([spec.get("architecture"), spec.get("options"), spec.get("weights"), spec.get("data")])
            met.setdefault(around, {}).setdefault(_choice(spec), set()).add(named(spec.get("recovery")))
    for choices in met.values():
        if len({frozenset(recoveries) for recoveries in choices.values()}) > 1:
            told = "; ".join(f"{choice}: {', '.join(sorted(found))}" for choice, found in sorted(choices.items()))
            yield f"what was removed did not meet the same recoveries everywhere: {told}"


def _length_reasons(group: Sequence[Spec]) -> Iterator[str]:
    """Recoveries whose training differs in length, what came before the removal included."""
    totals = {name: _total(spec) for name, spec in _arms(group).items()}
    if len({canonical(total) for total in totals.values()}) > 1:
        told = ", ".join(f"{name} {_length_words(total)}" for name, total in totals.items())
        yield f"recoveries of different total length stand beside each other: {told}"


def _tuning_reasons(group: Sequence[Spec]) -> Iterator[str]:
    """Unequal numbers of tried learning rates; or rates that differ and were never tried."""
    arms = {name: spec["recovery"] for name, spec in _arms(group).items()}
    tries = {name: len((options.get("tune") or {}).get("lr", ())) for name, options in arms.items()}
    if len(set(tries.values())) > 1:
        told = ", ".join(f"{name} {count or 'none'}" for name, count in tries.items())
        yield f"recoveries had unequal numbers of learning rates to choose from: {told}"
        return
    rates = {name: options.get("lr", DEFAULTS["lr"]) for name, options in arms.items()}
    if not any(tries.values()) and len(set(rates.values())) > 1:
        told = ", ".join(f"{name} {rate:g}" for name, rate in rates.items())
        yield f"recoveries have learning rates of their own that were not chosen by 'tune': {told}"


def _option_reasons(group: Sequence[Spec]) -> Iterator[str]:
    """Schedules and augmentation that differ between recoveries."""
    arms = {name: spec["recovery"] for name, spec in _arms(group).items()}
    for option in SHARED:
        found = {name: options.get(option, DEFAULTS[option]) for name, options in arms.items()}
        if len({canonical(value) for value in found.values()}) > 1:
            told = ", ".join(f"{name} {value}" for name, value in found.items())
            yield f"recoveries differ in '{option}': {told}"


def _groups(specs: Sequence[Spec]) -> Iterator[list[Spec]]:
    """Trials that differ in what is removed and in recovery only."""
    found: dict[str, list[Spec]] = {}
    for spec in specs:
        found.setdefault(_without(spec, REMOVAL_FIELDS | RECOVERY_FIELDS), []).append(spec)
    yield from found.values()


def _arms(group: Sequence[Spec]) -> dict[str, Spec]:
    """One trial of each recovery that trains."""
    return {named(spec["recovery"]): spec for spec in group if spec.get("recovery")}


def _total(spec: Spec) -> dict[str, int]:
    """Epochs and steps that the weights have seen in all; `unknown` where they came from elsewhere."""
    own, weights = _length(spec["recovery"]), spec.get("weights", {})
    if spec["recovery"]["name"] == "scratch" or "random" in weights:
        return own
    before = _length(weights["train"]) if "train" in weights else {"unknown": 1}
    return {unit: before.get(unit, 0) + own.get(unit, 0) for unit in sorted({*before, *own})}


def _length(options: Mapping[str, Any]) -> dict[str, int]:
    return {unit: int(options[unit]) for unit in ("epochs", "steps") if options.get(unit)}


def _length_words(total: Mapping[str, int]) -> str:
    words = [f"{count} {unit if count != 1 else unit[:-1]}" for unit, count in total.items() if unit != "unknown"]
    return " and ".join([*words, "an unknown length before"] if "unknown" in total else words)


def named(recovery: Mapping[str, Any] | None) -> str:
    """A recovery in words: its name, and every option that is not at its default."""
    if not recovery:
        return "none"
    options = [f"{key} {_short(value)}" for key, value in recovery.items() if key not in {"name", "revision"}]
    return f"{recovery['name']} ({', '.join(options)})" if options else str(recovery["name"])


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_short(item)}" for key, item in value.items())
    return "/".join(map(_short, value)) if isinstance(value, list | tuple) else str(value)


def _choice(spec: Spec) -> str:
    criterion = spec.get("criterion") or {}
    words = [str(spec.get("target", "")), named(criterion)]
    if spec.get("search"):
        words.append(named(spec["search"]))
    return " ".join([*words, str(spec.get("removal", "skip"))])


def _is_baseline(spec: Spec) -> bool:
    return spec.get("criterion") is None


def _without(spec: Spec, fields: set[str]) -> str:
    return canonical({key: value for key, value in spec.items() if key not in fields})
