"""What each column of the trials table means: its unit, which way is better, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column in words; `unit` is the unit of the stored values, empty for names and counts."""

    name: str
    unit: str
    meaning: str


MACS_SAVED = "macs_saved"
OUTCOME = "top1"  # the outcome that criteria are compared by
OUTCOME_WORD = "top-1"
ROBUST = f"robust_{OUTCOME}"
AXES = (
    "model",
    "data",
    "target",
    "criterion",
    "draw",
    "budget",
    "count",
    "of",
    "ratio",
    "removal",
    "recovery",
    "transform",
    "runtime",
    "model_seed",
    "selection_seed",
    "recovery_seed",
    "baseline",
)
FIXED = (
    Column("id", "", "identity of the trial: readable axes, then a digest of everything that can change its numbers"),
    Column("machine_class", "", "kind of machine that measured it, by a digest of its stable properties"),
    Column("status", "", "ok, failed, skipped, or missing where no run has a record"),
    Column("reason", "", "why a trial that is not ok has no measurements"),
    Column("failure", "", "class of the failure"),
    Column("limited", "", "true where a run was limited and is no full measurement"),
    Column("model", "", "label of the network"),
    Column("data", "", "label of the data"),
    Column("target", "", "kind of sublayer that is removed"),
    Column("criterion", "", "what chose the sublayers; empty for a baseline"),
    Column("draw", "", "number of the draw of a random criterion"),
    Column("budget", "", "cost and the share of it to be saved, where the study asks for one"),
    Column("count", "", "sublayers removed"),
    Column("of", "", "sublayers of that kind that could be removed"),
    Column("ratio", "1", "count / of"),
    Column("removal", "", "in what form a removed sublayer is bypassed"),
    Column("recovery", "", "training that goes with the removal"),
    Column("transform", "", "changes of the network that are not removals"),
    Column("runtime", "", "number format and backend of the measurement"),
    Column("model_seed", "", "seed of the weights"),
    Column("selection_seed", "", "seed of the selection"),
    Column("recovery_seed", "", "seed of the recovery"),
    Column("baseline", "", "trial with nothing removed and all else equal"),
    Column("removed", "", "removed sublayers, by name"),
    Column("depths", "", "places of the removed sublayers from the input on; by kind if of several"),
    Column("proof", "", "whether the removed network was shown to equal the masked one"),
)
DERIVED = (
    Column(f"{OUTCOME}_drop", "1", f"{OUTCOME} of the baseline minus {OUTCOME} of this trial, on the test split"),
    Column(f"{OUTCOME}_validation_drop", "1", "the same on the validation split"),
    Column("bits_per_byte_rise", "bit/B", "bits_per_byte of this trial minus that of the baseline, on the test split"),
    Column("bits_per_byte_validation_rise", "bit/B", "the same on the validation split"),
    Column("perplexity_ratio", "1", "perplexity of this trial over that of the baseline, on the test split"),
    Column("perplexity_validation_ratio", "1", "the same on the validation split"),
    Column("macs_saved", "1", "share of the baseline's multiply-accumulates that is gone"),
    Column("params_saved", "1", "share of the baseline's parameters that is gone"),
    Column("kv_cache_saved", "1", "share of the baseline's cached keys and values that is gone"),
    Column("speedup", "1", "median of paired ratios baseline / candidate of the latency, both timed in turn"),
    Column("speedup_low", "1", "lower end of the 95 % interval of speedup over its repeats"),
    Column("speedup_high", "1", "upper end of that interval"),
    Column("speedup_throughput", "1", "median of paired ratios candidate / baseline of the throughput"),
    Column("speedup_throughput_low", "1", "lower end of the 95 % interval of speedup_throughput"),
    Column("speedup_throughput_high", "1", "upper end of that interval"),
    Column("speedup_deployed", "1", "median of paired ratios form of training / deployed form of the latency, in turn"),
    Column("speedup_deployed_low", "1", "lower end of the 95 % interval of speedup_deployed"),
    Column("speedup_deployed_high", "1", "upper end of that interval"),
    Column("speedup_prefill", "1", "median of paired ratios candidate / baseline of the tokens of a prompt per second"),
    Column("speedup_prefill_low", "1", "lower end of the 95 % interval of speedup_prefill"),
    Column("speedup_prefill_high", "1", "upper end of that interval"),
    Column("speedup_decode", "1", "median of paired ratios candidate / baseline of the tokens written per second"),
    Column("speedup_decode_low", "1", "lower end of the 95 % interval of speedup_decode"),
    Column("speedup_decode_high", "1", "upper end of that interval"),
    Column(
        "realised", "1", "(speedup - 1) / (1 / (1 - macs_saved) - 1): gain in speed over the gain that MACs promise"
    ),
    Column("speedup_degradation", "1", f"{OUTCOME}_drop / (speedup - 1): points lost per per cent of speed-up"),
    Column(ROBUST, "1", f"mean of {OUTCOME} over all measured corruptions and severities, test split"),
    Column("stability_tau", "1", "mean Kendall's tau of the ranking on all calibration items with those on parts"),
    Column("optimum_gain", "1", "(accuracy - mean over all sets) / (best - mean over all sets), untrained, test split"),
    Column("costs_from", "", "trial whose structure was measured, where equal structures share one cost"),
)
BESIDE = {  # what a column's last word says of the metric before it
    "quality": "ok, noisy or tainted: how far {} can be trusted",
    "attempts": "how often {} was measured, where more than once",
    "reason": "why {} is null, or not ok",
    "warnings": "what makes {} doubtful",
    "items": "items that {} is a share of",
    "low": "lower end of the 95 % Wilson interval of {} over its items",
    "high": "upper end of the 95 % Wilson interval of {} over its items",
}


def dictionary(names: Iterable[str], units: dict[str, str]) -> tuple[Column, ...]:
    """A description of every column, in order; `units` holds those of measured metrics."""
    known = {column.name: column for column in (*FIXED, *DERIVED)}
    return tuple(known.get(name) or _described(name, known, units) for name in names)


def companion(name: str) -> str | None:
    """The word that a column adds to the metric that it speaks of, `quality` or the like; None for one by itself."""
    base = name.partition("@")[0]
    of, _, what = base.rpartition("_")
    return what if of and what in BESIDE and all(column.name != base for column in (*FIXED, *DERIVED)) else None


def is_share(name: str) -> bool:
    """Whether a column holds shares of a whole, which are read in per cent."""
    base = name.partition("@")[0]
    starts, ends = (OUTCOME, "top5", "ece", "active_share", ROBUST), ("_drop", "_saved")
    return companion(name) in (None, "low", "high") and (
        base == "ratio" or base.startswith(starts) or base.endswith(ends)
    )


def conditions_of(name: str) -> dict[str, str]:
    """The conditions in a column's name: `{"dtype": "bf16"}` of `top1@dtype=bf16`."""
    at = name.partition("@")[2]
    return dict(part.split("=", 1) for part in at.split(",")) if at else {}


def _described(name: str, known: dict[str, Column], units: dict[str, str]) -> Column:
    base, _, at = name.partition("@")
    under = f" at {at.replace(',', ', ')}" if at else ""
    if base in known:
        return Column(name, known[base].unit, known[base].meaning + under)
    what = companion(name)
    if what is not None:
        of = base.removesuffix(f"_{what}") + under
        return Column(name, "1" if what in ("low", "high") else "", BESIDE[what].format(of))
    return Column(name, units.get(name, ""), f"measured {base.replace('_', ' ')}{under}")
