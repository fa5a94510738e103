"""Outcomes item by item: how many items came out otherwise."""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt

from harness.records import Asked, Outcome
from harness.repetition.finding import Finding, title
from harness.schema import Json
from harness.wording import counted


def outcome(old: Outcome, new: Outcome) -> Finding:
    """The same items in the same order, each with the same outcome."""
    what = name_of(old)
    shown = (counted(old.items, old.item), counted(new.items, old.item))
    if (old.order, old.items, old.encoding) != (new.order, new.items, new.encoding):
        note = "other items, another order or another encoding, so no item can be compared"
        return Finding(what, "different", *shown, note)
    try:
        mine, other = unpacked(old), unpacked(new)
    except ValueError:
        return Finding(what, "not compared", *shown, "what is kept of the items cannot be unpacked")
    unequal = int(np.count_nonzero(mine != other))
    numbers: dict[str, Json] = {"items": old.items, "differing": unequal}
    note = f"{unequal} of {shown[0]} differ" if unequal else ""
    if unequal and old.encoding == "float64":
        largest = float(np.max(np.abs(mine - other)))
        note, numbers = f"{note}, by {largest:.3g} at most", numbers | {"largest": largest}
    if old.weights != new.weights:
        note = "; ".join([*([note] if note else []), "the items' weights differ"])
    return Finding(what, "different" if note else "equal", *shown, note, numbers=numbers)


def name_of(one: Outcome) -> str:
    """`items of top1 test`."""
    return f"items of {title(Asked(metric=one.metric, split=one.split, at=one.at))}"


def unpacked(one: Outcome) -> npt.NDArray[np.float64]:
    """One number for each item (items,); raises ValueError where the data holds more or fewer."""
    raw = base64.b64decode(one.data, validate=True)
    if one.encoding == "bits":
        bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8))
        if not 0 <= len(bits) - one.items < 8:
            raise ValueError("not as many bits as items")
        return bits[: one.items].astype(np.float64)
    values = np.frombuffer(raw, dtype="<f8")
    if len(values) != one.items:
        raise ValueError("not as many numbers as items")
    return values
