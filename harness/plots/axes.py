"""A column of the trials table as an axis: its words, its unit by the column dictionary, and a fitting prefix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.tables.cells import Scale, scale
from harness.tables.columns import Column, conditions_of, is_share

WORDS = {
    "top1": "top-1",
    "top5": "top-5",
    "top1_drop": "top-1 lost",
    "top1_validation": "top-1 on validation",
    "ece": "ECE",
    "bits_per_byte": "bits per byte",
    "bits_per_byte_rise": "bits per byte added",
    "perplexity_ratio": "perplexity over the baseline's",
    "kv_cache_bytes": "KV cache",
    "kv_cache_saved": "KV cache saved",
    "prefill_tokens_per_s": "tokens/s read",
    "decode_tokens_per_s": "tokens/s written",
    "first_token_s": "time to the first token",
    "speedup_prefill": "reading gain",
    "speedup_decode": "writing gain",
    "macs": "MACs",
    "macs_sparse": "MACs of active units",
    "active_share": "active hidden units",
    "macs_saved": "MACs saved",
    "flops": "FLOP",
    "params": "parameters",
    "latency_s": "latency",
    "images_per_s": "items/s",
    "peak_bytes": "peak memory",
    "energy_j_per_image": "energy per item",
    "net_energy_j_per_image": "net energy per item",
    "count": "sublayers removed",
    "ratio": "share of sublayers removed",
    "speedup": "speed-up",
    "speedup_throughput": "throughput gain",
}
COUNTED = ("", "1", "MAC", "FLOP", "1/s", "parameter", "bit/B")  # units that the words already tell
PLAIN_UP_TO = 10_000  # numbers without a unit that need no prefix


@dataclass(frozen=True)
class Axis:
    """What stands beside an axis, and what stored values are divided by."""

    label: str
    scale: Scale


def axis(column: Column, values: Sequence[float]) -> Axis:
    """The axis of a column whose shown values these are."""
    by = _scale(column, values)
    base, _, at = words(column.name).partition(", ")
    unit = f" ({by.unit})" if by.unit else ""
    return Axis(f"{base}{unit}{f', {at}' if at else ''}", by)


def words(name: str) -> str:
    """A column's name as a reader says it: `items/s, batch 32`."""
    base = name.partition("@")[0]
    at = (f"{key.replace('_', ' ')} {value}" for key, value in conditions_of(name).items())
    return ", ".join((WORDS.get(base, base.replace("_", " ")), *at))


def in_base_units(name: str) -> str:
    """A column's name with the unit of its values, where these are shares."""
    return f"{name}_share" if is_share(name) else name


def _scale(column: Column, values: Sequence[float]) -> Scale:
    if is_share(column.name):
        return Scale(0.01, "%")
    if column.unit not in COUNTED:
        return scale(values, column.unit)
    largest = max((abs(value) for value in values), default=0.0)
    return scale(values, "") if largest >= PLAIN_UP_TO else Scale(1.0, "")
