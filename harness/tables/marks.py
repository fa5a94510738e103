"""Marks of doubt beside numbers, and the notes that explain them: noisy and tainted timings, doubtful counts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

import pandas as pd

from harness.tables.cells import NONE
from harness.wording import counted

NOISY, TAINTED = "†", "‡"
MARKS = {"noisy": NOISY, "tainted": TAINTED}
MEANINGS = {
    "noisy": "cannot be told from the machine's own variation",
    "tainted": "other work, a throttled clock or the like had a hand in it; not to be believed",
}
MEASURED_BY = {"speedup": "latency_s", "realised": "latency_s", "speedup_throughput": "images_per_s"}
MEASURED_BY |= {"speedup_deployed": "deployed_latency_s"}
MEASURED_BY |= {"speedup_prefill": "prefill_tokens_per_s", "speedup_decode": "decode_tokens_per_s"}
OF_MACS = ("macs", "macs_saved", "realised")
OUT_OF_MEMORY = "out of memory"


def metric_of(column: str) -> str:
    """The column of the metric that another is made from: `images_per_s@batch=8` of `speedup_throughput@batch=8`."""
    base, sign, at = column.partition("@")
    return f"{MEASURED_BY.get(base, base)}{sign}{at}"


def beside(column: str, what: str) -> str:
    """The column that says something about the metric behind another: its `quality`, `reason`, `attempts`."""
    return with_word(metric_of(column), what)


def with_word(column: str, what: str) -> str:
    """`speedup_low@batch=8` of `speedup@batch=8` and `low`: a word goes before the conditions."""
    base, sign, at = column.partition("@")
    return f"{base}_{what}{sign}{at}"


def quality(rows: pd.DataFrame, column: str = "latency_s") -> str:
    """The worst quality of any of the rows in the metric behind a column; `ok` where nothing is said of it."""
    name = beside(column, "quality")
    return worst(rows[name].dropna().unique()) if name in rows else "ok"


def worst(found: Iterable[str]) -> str:
    """The worst of several qualities; `ok` for none."""
    held = set(found)
    return next((word for word in ("tainted", "noisy") if word in held), "ok")


def quality_of(row: Mapping[Hashable, object], column: str) -> str:
    """The quality of one row in the metric behind a column; `ok` where nothing is said of it."""
    found = row.get(beside(column, "quality"))
    return found if isinstance(found, str) else "ok"


def mark(rows: pd.DataFrame, column: str) -> str:
    """What stands behind a number that rests on these rows."""
    return MARKS.get(quality(rows, column), "")


def absent(rows: pd.DataFrame, column: str) -> str:
    """The cell of a number that is not there; memory that did not suffice is a finding."""
    return OUT_OF_MEMORY if _out_of_memory(rows, column) else NONE


def partly(rows: pd.DataFrame, column: str) -> str:
    """What stands behind a number that is missing for some of the rows because memory did not suffice."""
    lost = _out_of_memory(rows, column)
    return f" ({lost} of {len(rows)} {OUT_OF_MEMORY})" if lost else ""


def _out_of_memory(rows: pd.DataFrame, column: str) -> int:
    name = beside(column, "reason")
    reasons = rows[name].dropna() if name in rows else ()
    return sum(is_out_of_memory(str(reason)) for reason in reasons)


def is_out_of_memory(reason: str) -> bool:
    """Whether a reason says that memory did not suffice."""
    return reason.startswith("oom")


def mark_notes(rows: pd.DataFrame, columns: Iterable[str]) -> tuple[str, ...]:
    """What the marks of these columns of measured structures mean, where they carry any, and what was taken again."""
    metrics = [name for name in dict.fromkeys(map(metric_of, columns)) if beside(name, "quality") in rows]
    taken = pd.concat([rows[beside(name, "quality")].dropna() for name in metrics]) if metrics else pd.Series(dtype=str)
    attempts = [rows[beside(name, "attempts")].dropna() for name in metrics if beside(name, "attempts") in rows]
    meanings = [f"{MARKS[word]} {word}: {text}." for word, text in MEANINGS.items() if (taken == word).any()]
    return (*meanings, *_again([int(number) for found in attempts for number in found], len(taken)))


def _again(attempts: Sequence[int], taken: int) -> Iterator[str]:
    if attempts:
        again = f"{len(attempts)} {'was' if len(attempts) == 1 else 'were'} taken again"
        yield f"Of {counted(taken, 'measurement')} {again}, up to {max(attempts)} times in all."


def count_notes(rows: pd.DataFrame) -> tuple[str, ...]:
    """What makes the MACs of these rows doubtful: counters that disagree, operators without a formula."""
    found = rows["macs_warnings"].dropna() if "macs_warnings" in rows else ()
    texts = list(dict.fromkeys(map(str, found)))
    if not texts:
        return ()
    first = f" (the first of {len(texts)} such warnings)" if len(texts) > 1 else ""
    return (f"MACs are doubtful in {len(found)} of {counted(len(rows), 'structure')}: {texts[0]}{first}.",)
