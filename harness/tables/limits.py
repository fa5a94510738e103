"""The limits of a recommendation in words."""

from __future__ import annotations

from collections.abc import Mapping

from harness.tables.cells import number, scale, significant
from harness.tables.columns import OUTCOME_WORD

UNITS = {"latency_s": "s", "peak_bytes": "B", "energy_j_per_image": "J", "macs": "MACs", "params": ""}
WORDS = {
    "top1_drop": f"lose at most {{}} of {OUTCOME_WORD}",
    "top1": f"keep at least {{}} {OUTCOME_WORD}",
    "macs_ratio": "need at most {} of the MACs",
    "macs_saved": "save at least {} of the MACs",
    "macs": "need at most {}",
    "params_ratio": "need at most {} of the parameters",
    "params_saved": "save at least {} of the parameters",
    "params": "need at most {} parameters",
    "latency_ratio": "need at most {} of the latency",
    "speedup": "run at least {} times as fast",
    "latency_s": "need at most {} of latency",
    "speedup_throughput": "reach at least {} times the throughput",
    "images_per_s": "reach at least {} items/s",
    "peak_ratio": "need at most {} of the peak memory",
    "peak_bytes": "need at most {} of peak memory",
    "energy_ratio": "need at most {} of the energy per item",
    "energy_j_per_image": "need at most {} per item",
    "bits_per_byte_rise": "add at most {} bits per byte",
    "bits_per_byte": "need at most {} bits per byte",
    "perplexity_ratio": "raise perplexity at most {} times",
    "kv_cache_ratio": "need at most {} of the KV cache",
    "kv_cache_saved": "save at least {} of the KV cache",
    "speedup_prefill": "read at least {} times as fast",
    "speedup_decode": "write at least {} times as fast",
}
PLAIN = (
    *("speedup", "speedup_throughput", "speedup_prefill", "speedup_decode", "images_per_s"),
    *("perplexity_ratio", "bits_per_byte", "bits_per_byte_rise"),
)


def limit_words(bounds: Mapping[str, float]) -> str:
    """`lose at most 1 point of top-1 and need at most 90 % of the latency`: each entry has a verb of its own."""
    return " and ".join(WORDS[word].format(amount(word, bound)) for word, bound in bounds.items())


def amount(word: str, bound: float) -> str:
    """A value as the limit of that name is written: `1 point`, `90 %`, `2 GiB`."""
    if word in UNITS:
        by = scale([bound], UNITS[word])
        return f"{_short(by.of(bound))} {by.unit}".strip()
    if word in PLAIN:
        return _short(bound)
    if word.endswith("_drop"):
        points = _short(100 * bound)
        return f"{points} {'point' if points == '1' else 'points'}"
    return f"{_short(100 * bound)} %"


def _short(value: float) -> str:
    """Three figures, without zeros that say nothing."""
    text = significant(value) if abs(value) < 1000 else number(value, 0)
    return text.rstrip("0").rstrip(".") if "." in text else text
