"""Published accuracies that have a place in our figures: of the same network with as many sublayers removed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from harness.published import Value, names, plain_name, publication
from harness.schema import Options
from harness.tables.columns import OUTCOME
from harness.tables.facts import NETWORK
from harness.tables.publications import DATA, wanted


@dataclass(frozen=True)
class Published:
    """An accuracy, as a share, that a publication reports of a network with `count` sublayers of a target removed."""

    name: str
    model: str
    target: str
    count: int
    accuracy: float


def published_accuracies(references: Sequence[Options], rows: pd.DataFrame) -> tuple[Published, ...]:
    """Those of the publications that a study names whose network it removes from, on the same kind of data."""
    like = rows[(rows["status"] == "ok") & rows["data"].astype(str).str.lower().str.startswith(DATA)]
    told = like[["model", NETWORK]].drop_duplicates().itertuples(index=False, name=None)
    ours = {(model, plain_name(json.loads(network)[0])) for model, network in told}
    known = (name for name in wanted(references) if name in names())
    return tuple(dict.fromkeys(one for name in known for one in _of(name, sorted(ours))))


def _of(name: str, ours: Sequence[tuple[str, str]]) -> Iterator[Published]:
    for value in (value for group in publication(name).groups for value in group.values if _is_plain(value)):
        for model, architecture in ours:
            if architecture == value.architecture and value.target and value.count:
                yield Published(name, model, value.target, value.count, value.value)


def _is_plain(value: Value) -> bool:
    """Whether it is an accuracy of a network that has lost something, and was not changed otherwise."""
    return value.metric == OUTCOME and bool(value.count) and not value.transform
