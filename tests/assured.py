"""Records of `builders` with what surer studies hold: scores, prices, stability, optima, items, budgets, recoveries."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
from builders import Plan, records_of

from harness.records import Outcome, Record, SelectionInfo
from harness.schema import digest

ITEMS = 360
PASSES = {"entropy": 35.0, "similarity": 1.0, "last": 0.0, "random": 0.0}


def assured(plan: Plan, records: tuple[Record, ...] | None = None) -> tuple[Record, ...]:
    """The plan's records, each candidate with scores, prices, stability, an optimum and per-item outcomes."""
    return tuple(map(_assured, records_of(plan) if records is None else records))


def with_selection(record: Record, **changes: Any) -> Record:
    """The same record, its selection changed."""
    held = record.selection or SelectionInfo(search="one_shot", nested=True)
    return record.model_copy(update={"selection": held.model_copy(update=changes)})


def with_trial(record: Record, spec: dict[str, Any] | None = None, **changes: Any) -> Record:
    """The same record of another trial: axes and spec changed, and with them its id."""
    info = record.trial
    name = f"{info.id}-{digest([changes, spec], 6)}"
    update = {"id": name, "digest": digest(name), "spec": {**info.spec, **(spec or {})}, **changes}
    return record.model_copy(update={"trial": info.model_copy(update=update)})


def with_accuracy(record: Record, value: float) -> Record:
    """The same record with another test accuracy."""
    changed = [
        m.model_copy(update={"value": value}) if (m.metric, m.split) == ("top1", "test") else m for m in _all(record)
    ]
    return record.model_copy(update={"measurements": tuple(changed)})


def accuracy(record: Record) -> float:
    """Its test accuracy."""
    return next(m.value or 0.0 for m in _all(record) if (m.metric, m.split) == ("top1", "test"))


def bits(record: Record, right: np.ndarray[Any, Any]) -> Record:
    """The same record with these test items right."""
    data = base64.b64encode(np.packbits(right).tobytes()).decode()
    outcome = Outcome(
        split="test", metric="top1", item="image", items=len(right), encoding="bits", data=data, order="0" * 64
    )
    return record.model_copy(update={"outcomes": (outcome,)})


def _all(record: Record) -> tuple[Any, ...]:
    return record.measurements


def _random(*names: object) -> np.random.Generator:
    return np.random.default_rng(int(digest([str(name) for name in names], 12), 16))


def _assured(record: Record) -> Record:
    info, held = record.trial, record.selection
    hard = _random("items").random(ITEMS)
    noise = _random("noise", info.id).random(ITEMS)
    rank = np.argsort(np.argsort(0.7 * hard + 0.3 * noise))
    record = bits(record, rank < round(accuracy(record) * ITEMS))
    if held is None or held.order is None or info.criterion is None:
        return record
    random = _random("scores", info.model, info.model_seed, info.criterion, info.draw)
    values = np.sort(random.gamma(2.0, 0.02, len(held.order)))
    scores = dict(sorted((unit, float(value)) for unit, value in zip(held.order, values, strict=True)))
    is_scored = info.criterion in ("entropy", "similarity")
    return with_selection(
        record,
        search="greedy" if info.criterion == "entropy" else "one_shot",
        scores=scores,
        items=256 if is_scored else None,
        forward_passes=PASSES.get(info.criterion, 2.0),
        backward_passes=1.0 if info.criterion == "taylor" else 0.0,
        labels_used=info.criterion == "taylor",
        stability=_stability(scores, held.order, random) if is_scored else None,
        optimum=_optimum(record),
    )


def _stability(scores: dict[str, float], order: tuple[str, ...], random: np.random.Generator) -> dict[str, Any]:
    top = len(order) // 2
    loose = [order[top - 1], order[top]] if random.random() < 0.7 else []
    sizes = {}
    for size, tau in ((32, 0.55), (64, 0.68), (128, 0.8)):
        middle = tau + 0.05 * random.standard_normal()
        sizes[str(size)] = {"tau": middle, "low": middle - 0.2, "high": min(1.0, middle + 0.15), "overlap": tau + 0.1}
    return {
        "subsets": 10,
        "top": top,
        "sizes": sizes,
        "scores": {unit: {"mean": s, "low": 0.8 * s, "high": 1.3 * s} for unit, s in scores.items()},
        "ranks": {unit: {"low": max(1.0, i - 1.0), "high": i + 1.0} for i, unit in enumerate(order, 1)},
        "unsettled": sorted(loose),
    }


def _optimum(record: Record) -> dict[str, Any]:
    count = record.trial.count or 0
    own, mean, best = accuracy(record), 0.957 - 0.042 * count**1.3, 0.957 - 0.006 * count**1.3
    return {
        "sets": math.comb(record.trial.of or 8, count),
        "mean": mean,
        "own": own,
        "best_calibration": {"removed": ["blocks.1.attn"], "value": best - 0.007},
        "best_validation": {"removed": [["blocks.1.attn"], ["blocks.2.attn"]], "value": best},
        "gain": (own - mean) / (best - mean),
        "regret": best - own,
        "percentile": min(1.0, max(0.0, (own - mean) / (best - mean))),
    }
