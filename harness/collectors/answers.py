"""The answers of an exam, question by question, from what lm-evaluation-harness logs of them."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.records import Asked, Outcome
from harness.schema import sha256

QUESTION = "question"
ROUNDING = 1e-9


def answers(results: Mapping[str, Any], asked: Asked, measure: str, filtered: str, value: float) -> Outcome | None:
    """Which questions were answered right, by task and number; None where they do not make up the score.

    So it is of measures that are no share of right answers, and of groups that average tasks of unequal sizes as if
    they were equal. `order` is a fingerprint of questions and of what is right.
    """
    logged = [
        (task, int(one["doc_id"]), one)
        for task, rows in results.get("samples", {}).items()
        for one in rows
        if one.get("filter", filtered) == filtered
    ]
    logged.sort(key=lambda entry: entry[:2])
    found = [one.get(measure) for _, _, one in logged]
    if not found or any(answer not in (0, 1) for answer in found):
        return None
    right = np.asarray(found, dtype=bool)
    if not math.isclose(float(right.mean()), value, rel_tol=ROUNDING, abs_tol=ROUNDING):
        return None
    told = [[task, number, one.get("doc_hash", ""), one.get("target_hash", "")] for task, number, one in logged]
    return Outcome(
        split=None,
        metric=asked.metric,
        at=asked.at,
        item=QUESTION,
        items=len(right),
        encoding="bits",
        data=base64.b64encode(np.packbits(right).tobytes()).decode(),
        order=sha256(told),
    )
