"""A text on two sides, document by document: which of them cost more bits, and how far that goes for others."""

from __future__ import annotations

import base64
import math

import numpy as np

from harness.records import Outcome
from harness.repetition.items import unpacked
from harness.resampling import ratio_interval
from harness.wording import counted

DIGITS = 5  # of bits per byte


def moved(old: Outcome, new: Outcome) -> str:
    """`21 of 24 documents need more bits and 3 fewer: +0.01200 bits per byte, [0.00400, 0.02010] over documents`.

    The interval is that of a paired bootstrap at 95 %: what the second side would cost more on other documents. Empty
    where no document's log-likelihood moved, or the two cannot be paired: other documents, or nothing is kept of them.
    """
    text_bytes = _bytes_of(old)
    if text_bytes is None or (old.order, old.weights) != (new.order, new.weights):
        return ""
    try:
        added = (unpacked(old) - unpacked(new)) / math.log(2)  # from ln p to bits: a likelier text costs fewer
    except ValueError:
        return ""
    if not added.any():
        return ""
    more, fewer = (int(np.count_nonzero(sign * added > 0)) for sign in (1, -1))
    mean = float(added.sum() / text_bytes.sum())
    found = ratio_interval(tuple(added.tolist()), tuple(text_bytes.tolist()))
    over = "" if found is None else f", [{found.low:.{DIGITS}f}, {found.high:.{DIGITS}f}] over documents"
    documents = counted(old.items, old.item)
    return f"{more} of {documents} need more bits and {fewer} fewer: {mean:+.{DIGITS}f} bits per byte{over}"


def _bytes_of(outcome: Outcome) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """Bytes of each document (items,); None of an outcome of another kind."""
    held = (outcome.weights or {}).get("bytes")
    if held is None or outcome.encoding != "float64":
        return None
    found = np.frombuffer(base64.b64decode(held), dtype="<f8").astype(np.float64)
    return found if len(found) == outcome.items and found.sum() > 0 else None
