"""How many hidden units of each MLP fire, in networks that nothing was removed from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.records import Measurement
from harness.results import TrialResult
from harness.tables.placing import natural

SHARE = "active_share"  # of the hidden units of all MLPs, on a token
Network = tuple[str, str, str, str]


@dataclass(frozen=True)
class Active:
    """A network as it is, or changed by a transform or a training: the MLPs from the input on, and what fires in them.

    `shares` holds a row of each seed of the weights, one share an MLP.
    """

    model: str
    data: str
    recovery: str
    transform: str
    mlps: tuple[str, ...]
    shares: tuple[tuple[float, ...], ...]

    @property
    def is_plain(self) -> bool:
        """Whether it is the network as it was trained."""
        return self.transform in ("", "none") and self.recovery in ("", "none")

    @property
    def label(self) -> str:
        """The network, and what changed it."""
        return ", ".join([self.model, *(word for word in (self.recovery, self.transform) if word not in ("", "none"))])

    @property
    def mean(self) -> tuple[float, ...]:
        """Over the seeds, by MLP."""
        return tuple(float(value) for value in np.mean(self.shares, axis=0))

    @property
    def deviation(self) -> tuple[float, ...]:
        """The standard deviation over the seeds, by MLP; 0 where there is one."""
        if len(self.shares) < 2:
            return (0.0,) * len(self.mlps)
        return tuple(float(value) for value in np.std(self.shares, axis=0, ddof=1))


def whole_and_counted(table: pd.DataFrame) -> list[str]:
    """Ids of the trials with nothing removed whose active units were counted on the test split."""
    if SHARE not in table:
        return []
    counted = table[table["criterion"].isna() & table[SHARE].notna()]
    return list(dict.fromkeys(counted["id"]))


def activity(results: Iterable[TrialResult]) -> tuple[Active, ...]:
    """Of these trials, one entry a network and change of it, in their order; a seed counts once."""
    found: dict[Network, dict[int | None, Measurement]] = {}
    for result in results:
        info, held = result.info, _counted(result)
        if held is not None:
            key = info.model, info.data, info.recovery or "", info.transform or ""
            found.setdefault(key, {}).setdefault(info.model_seed, held)
    return tuple(_active(key, list(seeds.values())) for key, seeds in found.items())


def _counted(result: TrialResult) -> Measurement | None:
    held = (m for m in result.measurements.values() if (m.metric, m.split) == (SHARE, "test") and m.by_sublayer)
    return next(held, None)


def _active(key: Network, held: list[Measurement]) -> Active:
    mlps = tuple(sorted(held[0].by_sublayer or {}, key=natural))  # records are kept with sorted keys
    shares = tuple(tuple(float((m.by_sublayer or {})[name]) for name in mlps) for m in held)
    return Active(*key, mlps, shares)
