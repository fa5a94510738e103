"""The outcome of every set of units of one model, in one file: read with numpy alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import comb
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from harness.errors import DataError, StoreError, UnknownNameError, unknown

FORMAT = 1
SPLITS = ("calibration", "validation", "test")
MOST_UNITS = 32  # bits of a mask
MOST_SETS = 200_000

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint8]


def table_fault(units: int, up_to: int | None = None) -> str:
    """Why no table of all sets of at most `up_to` of so many units can be made, in a sentence; empty where it can."""
    if units > MOST_UNITS:
        return f"a table holds sets of up to {MOST_UNITS} units; the target has {units}"
    most = units if up_to is None else min(up_to, units)
    if _sets(units, most) <= MOST_SETS:
        return ""
    fits = max(size for size in range(most) if _sets(units, size) <= MOST_SETS)
    found = f"{units} units have {_sets(units, most):,} sets of at most {most}; a table holds up to {MOST_SETS:,}"
    return f"{found}: {fits} would do ({_sets(units, fits):,} sets)"


def _sets(units: int, up_to: int) -> int:
    return sum(comb(units, size) for size in range(up_to + 1))


@dataclass(frozen=True)
class Outcomes:
    """One split: `correct` (sets, ceil(items / 8)) holds a bit per item, the first in the highest bit; mean losses."""

    items: int
    correct: Bits
    loss: Reals

    @cached_property
    def hits(self) -> npt.NDArray[np.bool_]:
        """Whether each item is right, (sets, items)."""
        return np.unpackbits(self.correct, axis=1, count=self.items).astype(bool)

    @cached_property
    def accuracy(self) -> Reals:
        """Share of items that are right, (sets,)."""
        return np.asarray(self.hits.mean(axis=1), dtype=np.float64)


class Best(NamedTuple):
    """A set that was chosen, and its accuracy on the items that it is read on."""

    removed: tuple[str, ...]
    value: float


class Oracles(NamedTuple):
    """The best sets of a size by two choices, both read on test; `halves` are the sets of the two halves of validation.

    `cross_fitted` is the mean over both halves of the accuracy, on the other half, of the set that a half chose.
    """

    calibration: Best
    halves: tuple[Best, Best]
    validation: float
    cross_fitted: float


class Score(NamedTuple):
    """How good a set is among all of its size, on test; `gain` is None where the best is no better than the mean."""

    accuracy: float
    gain: float | None
    regret: float
    percentile: float


@dataclass(frozen=True)
class Table:
    """Every set of at most some size: row i has the set `masks[i]`, whose bit j stands for `units[j]`; row 0 is empty.

    Rows are ordered by size, then by their first unit, their second, and so on: of equal sets the first row counts.
    `macs` and `params` are of the network without the set. `header` says what was measured, as plain JSON.
    """

    units: tuple[str, ...]
    masks: npt.NDArray[np.uint32]
    macs: Integers
    params: Integers
    splits: Mapping[str, Outcomes]
    header: Mapping[str, Any]

    @classmethod
    def load(cls, path: str | Path) -> Table:
        """A table from its file; raises DataError for anything else."""
        name = Path(path).name
        try:
            with np.load(path, allow_pickle=False) as held:
                return _read(held, name)
        except FileNotFoundError:
            raise DataError(f"{name}: no such table") from None
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataError(f"{name}: is no table of harness: {error}") from None

    def save(self, path: Path) -> None:
        """Writes one compressed file; equal tables give equal bytes."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in ("masks", "macs", "params")}
        for split, found in self.splits.items():
            arrays |= {f"{split}_correct": found.correct, f"{split}_loss": found.loss}
        items = {split: found.items for split, found in self.splits.items()}
        header = {**self.header, "format": FORMAT, "units": list(self.units), "items": items}
        text = json.dumps(header, sort_keys=True, allow_nan=False)
        try:
            with path.open("wb") as stream:
                np.savez_compressed(stream, header=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)
        except OSError as error:
            raise StoreError(f"{path.name}: cannot be written: {error.strerror}") from None

    @property
    def up_to(self) -> int:
        """The size of the largest sets."""
        return int(self.sizes.max())

    @cached_property
    def sizes(self) -> Integers:
        """How many units each row removes."""
        bits = (self.masks[:, None] >> np.arange(len(self.units), dtype=np.uint32)) & 1
        return np.asarray(bits.sum(axis=1), dtype=np.int64)

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {int(mask): row for row, mask in enumerate(self.masks)}

    def row(self, removed: Iterable[str | int]) -> int:
        """The row of a set, given by names or by numbers of units in any order; raises UnknownNameError."""
        mask = 0
        for unit in removed:
            if unit not in self.units and not (isinstance(unit, int) and 0 <= unit < len(self.units)):
                raise UnknownNameError(unknown("unit", str(unit), self.units))
            mask |= 1 << (self.units.index(unit) if isinstance(unit, str) else unit)
        if mask not in self._rows:
            raise UnknownNameError(f"the table holds sets of at most {self.up_to} units, not of {mask.bit_count()}")
        return self._rows[mask]

    def rows(self, count: int) -> Integers:
        """The rows of all sets of a size; raises UnknownNameError where the table has none."""
        found = np.flatnonzero(self.sizes == count)
        if not found.size:
            raise UnknownNameError(f"the table holds sets of at most {self.up_to} units, not of {count}")
        return found

    def removed(self, row: int) -> tuple[str, ...]:
        """The names of a row's set."""
        return tuple(name for bit, name in enumerate(self.units) if int(self.masks[row]) >> bit & 1)

    def outcomes(self, split: str) -> Outcomes:
        """Everything of one split; raises UnknownNameError."""
        if split not in self.splits:
            raise UnknownNameError(unknown("split", split, self.splits))
        return self.splits[split]

    def accuracy(self, removed: Iterable[str | int], split: str = "test") -> float:
        """The accuracy of the network without a set."""
        return float(self.outcomes(split).accuracy[self.row(removed)])

    def best(self, count: int, split: str = "test") -> Best:
        """The set of a size that is best on a split; of equal ones the first."""
        row = self._best(count, self.outcomes(split).accuracy)
        return Best(self.removed(row), float(self.outcomes(split).accuracy[row]))

    def mean(self, count: int, split: str = "test") -> float:
        """The mean accuracy over all sets of a size: what a random one has, exactly."""
        return float(self.outcomes(split).accuracy[self.rows(count)].mean())

    def oracles(self, count: int) -> Oracles:
        """The best of a size on calibration, and on each half of validation (every other item), read on test.

        A maximum over many noisy values is too high where it was chosen; so each half is read on the other.
        """
        test, hits = self.outcomes("test").accuracy, self.outcomes("validation").hits
        halves = [hits[:, start::2].mean(axis=1) for start in (0, 1)]
        rows = [self._best(count, half) for half in halves]
        first, second = (Best(self.removed(row), float(test[row])) for row in rows)
        chosen = self._best(count, self.outcomes("calibration").accuracy)
        return Oracles(
            calibration=Best(self.removed(chosen), float(test[chosen])),
            halves=(first, second),
            validation=(first.value + second.value) / 2,
            cross_fitted=float(halves[1][rows[0]] + halves[0][rows[1]]) / 2,
        )

    def score(self, removed: Iterable[str | int]) -> Score:
        """How good a set is on test: (accuracy - mean) / (best - mean), best - accuracy, and the share of all sets of
        its size that are not better; best is the cross-fitted choice on validation.
        """
        row = self.row(removed)
        count, test = int(self.sizes[row]), self.outcomes("test").accuracy
        own, mean, best = float(test[row]), self.mean(count), self.oracles(count).validation
        # A difference of two means below one item's share of one set is rounding, no difference.
        gain = (own - mean) / (best - mean) if best - mean > 1e-12 else None
        # numpy's own comparison of equal shares is exact: both are quotients of the same whole numbers.
        return Score(own, gain, best - own, float((test[self.rows(count)] <= own).mean()))

    def scores(self, sets: Mapping[int, Iterable[str | int]]) -> dict[int, Score]:
        """The score of each of a selection's sets, by count; counts that the table does not reach are left out."""
        return {count: self.score(names) for count, names in sets.items() if count <= self.up_to}

    def _best(self, count: int, values: Reals) -> int:
        rows = self.rows(count)
        return int(rows[np.argmax(values[rows])])


def _read(held: Any, name: str) -> Table:
    header: dict[str, Any] = json.loads(held["header"].tobytes())
    if header["format"] > FORMAT:
        raise DataError(f"{name}: is of format {header['format']}; this version of harness reads up to {FORMAT}")
    table = Table(
        units=tuple(header["units"]),
        masks=held["masks"],
        macs=held["macs"],
        params=held["params"],
        splits={
            split: Outcomes(items, held[f"{split}_correct"], held[f"{split}_loss"])
            for split, items in header["items"].items()
        },
        header=header,
    )
    lengths = {len(table.masks), len(table.macs), len(table.params)}
    lengths |= {len(part) for found in table.splits.values() for part in (found.correct, found.loss)}
    if len(lengths) != 1 or any(f.correct.shape[1] != -(-f.items // 8) for f in table.splits.values()):
        raise DataError(f"{name}: is damaged: its parts are not of one length")
    return table
