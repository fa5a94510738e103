"""Records and plans of older schemas, brought to the newest form by one pure function for each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from harness.records import SCHEMA_NUMBER
from harness.schema import Json

Plain: TypeAlias = dict[str, Json]
Steps: TypeAlias = Mapping[int, Callable[[Plain], Plain]]

# {1: upgrade_1_to_2, ...}: each takes the whole JSON object of its schema and gives that of the next one, without
# looking at anything else. The number itself is raised here.
OF_RECORDS: Steps = {}
OF_PLANS: Steps = {}


def upgraded(raw: Plain, steps: Steps, newest: int = SCHEMA_NUMBER) -> Plain:
    """The same in the newest form; raises ValueError with a sentence for a schema that cannot be read here."""
    number = raw.get("schema", 1)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError(f"schema {str(number)[:20]!r} is none: it is a whole number from 1 on")
    if number > newest:
        raise ValueError(f"schema {number} is newer than {newest}, the newest known here; update harness")
    for step in range(number, newest):
        raw = {**steps[step](raw), "schema": step + 1}
    return raw
