"""What is said of one part of a record and its repetition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from harness.records import Asked
from harness.schema import Json

Verdict: TypeAlias = Literal["equal", "equivalent", "different", "undecided", "not compared"]
VERDICTS: tuple[Verdict, ...] = ("equal", "equivalent", "different", "undecided", "not compared")
ENDING = "how the run ended"


@dataclass(frozen=True)
class Finding:
    """One part: its verdict, both values in base units, a sentence where there is more to say, and its numbers.

    An exact part is equal to the bit or different; a noisy one is judged from its samples.
    """

    what: str
    verdict: Verdict
    recorded: Json = None
    here: Json = None
    note: str = ""
    kind: Literal["exact", "noisy"] = "exact"
    numbers: Mapping[str, Json] = field(default_factory=dict)


def title(asked: Asked) -> str:
    """How a measurement is called: `top1 test`, `latency_s (batch 1)`."""
    conditions = ", ".join(f"{key} {_word(value)}" for key, value in asked.at.items())
    words = [asked.metric, *([asked.split] if asked.split else []), *([f"({conditions})"] if conditions else [])]
    return " ".join(words)


def _word(value: Json) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)
