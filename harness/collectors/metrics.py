"""Unit and better direction of every metric that harness measures, for answers that hold no value."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from harness.records import COLLECTOR_FAILED, Asked, Measurement

Better: TypeAlias = Literal["higher", "lower"]
Kind: TypeAlias = Literal["exact", "noisy"]

METRICS: dict[str, tuple[str, Better]] = {
    "top1": ("1", "higher"),
    "top5": ("1", "higher"),
    "ece": ("1", "lower"),
    "perplexity": ("1", "lower"),
    "bits_per_byte": ("bit/B", "lower"),
    "lm_eval": ("1", "higher"),
    "lm_eval_mean": ("1", "higher"),  # over tasks, each counted once
    "macs": ("MAC", "lower"),
    "flops": ("FLOP", "lower"),
    "params": ("1", "lower"),
    "activations": ("1", "lower"),
    "active_share": ("1", "lower"),  # of the hidden units of MLPs, those above zero on a token
    "share_above": ("1", "lower"),  # the same, of those above a bound
    "macs_sparse": ("MAC", "lower"),
    "param_bytes": ("B", "lower"),
    "latency_s": ("s", "lower"),
    "deployed_latency_s": ("s", "lower"),
    "images_per_s": ("1/s", "higher"),
    "peak_bytes": ("B", "lower"),
    "energy_j_per_image": ("J", "lower"),
    "net_energy_j_per_image": ("J", "lower"),
    "first_token_s": ("s", "lower"),
    "prefill_tokens_per_s": ("1/s", "higher"),
    "decode_tokens_per_s": ("1/s", "higher"),
    "kv_cache_bytes": ("B", "lower"),
    "prefill_macs_per_token": ("MAC", "lower"),
    "decode_macs_per_token": ("MAC", "lower"),
    "energy_j_per_token": ("J", "lower"),
    "net_energy_j_per_token": ("J", "lower"),
    "sublayer_latency_share": ("1", "higher"),  # of the latency, what could be removed
    "sublayer_peak_bytes": ("B", "lower"),
    "sublayer_macs": ("MAC", "lower"),
    "sublayer_params": ("1", "lower"),
    "sublayer_activation_bytes": ("B", "lower"),
    "stability_tau": ("1", "higher"),
    "optimum_gain": ("1", "higher"),
}
STRANGE: tuple[str, Better] = ("unknown", "lower")  # a plug-in's metric that was never measured
FAILED = COLLECTOR_FAILED


def answer(asked: Asked, kind: Kind, value: float | None, **found: Any) -> Measurement:
    """The answer to a question, with the unit and direction of its metric; `found` are further fields of it."""
    unit, better = METRICS.get(asked.metric, STRANGE)
    return Measurement(
        metric=asked.metric, unit=unit, better=better, kind=kind, split=asked.split, at=asked.at, value=value, **found
    )


def absent(asked: Asked, kind: Kind, reason: str) -> Measurement:
    """The answer to a question that could not be measured: null, and why."""
    return answer(asked, kind, None, reason=reason)
