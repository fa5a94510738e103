"""What weights are judged by: top-1 of images, bits per byte of text; and how its values and losses are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from harness.stats import Interval, spread
from harness.tables.cells import NONE, Printed, between, number, plus_minus
from harness.tables.columns import OUTCOME, OUTCOME_WORD


@dataclass(frozen=True)
class Quality:
    """The outcome that criteria are compared by, as columns of the trials table and in words.

    `lost` is the column of what a removal loses of it, above 0 where it does harm. Stored values times `factor` are
    written with `digits` decimals, in tables with one more; `unit` stands behind them. `loses` is the verb of a loss,
    `measure` what losses are counted in, `best` what the network is called that has most of it.
    """

    column: str
    lost: str
    word: str
    noun: str
    better: str
    factor: float
    digits: int
    unit: str
    loses: str
    measure: str
    best: str

    @property
    def validation(self) -> str:
        """Its column on the validation split."""
        return f"{self.column}_validation"

    @property
    def validation_lost(self) -> str:
        """The column of what is lost on the validation split."""
        base, _, word = self.lost.rpartition("_")
        return f"{base}_validation_{word}"

    @property
    def of_validation(self) -> dict[str, str]:
        """What limits may be stated in, and the column of it on validation, where every choice is made."""
        return {self.column: self.validation, self.lost: self.validation_lost}

    @property
    def losses(self) -> str:
        """What losses are counted in, in the words of a table's note."""
        return f"{self.measure} of {self.word}" if self.sign > 0 else self.measure

    @property
    def sign(self) -> int:
        """1 where more of it is better, else -1."""
        return 1 if self.better == "higher" else -1

    @property
    def axis(self) -> str:
        """The words of an axis."""
        return f"test {self.word}{f' ({self.unit})' if self.unit else ''}"

    @property
    def title(self) -> str:
        """The noun as a title begins with it."""
        return f"{self.noun[:1].upper()}{self.noun[1:]}"

    @property
    def in_unit(self) -> str:
        """` in per cent`; nothing where the word tells the unit."""
        return " in per cent" if self.unit else ""

    @property
    def slug(self) -> str:
        """The noun as part of a name."""
        return self.noun.replace(" ", "_")

    def scaled(self, value: float) -> float:
        """A stored value in the unit of print."""
        return self.factor * value

    def ends(self, value: float, low: float, high: float) -> dict[str, float]:
        """A value and the ends of its interval by what the data of a figure calls them."""
        share = "_share" if self.unit else ""
        names = (f"{self.column}{word}{share}" for word in ("", "_low", "_high"))
        return dict(zip(names, (value, low, high), strict=True))

    def one(self, value: float, more: int = 0) -> str:
        """One value or loss; `more` decimals than usual."""
        return number(self.factor * value, self.digits + more)

    def mean(self, values: Sequence[float]) -> str:
        """Mean and standard deviation over networks; the mean alone when there is one."""
        if not values:
            return NONE
        deviation = spread(values)
        found = plus_minus(self.scaled(float(np.mean(values))), deviation and self.scaled(deviation), self.digits)
        return Printed(found, found.raw, self.unit)

    def between(self, interval: Interval | None, more: int = 0) -> str:
        """An interval."""
        return between(interval, self.factor, self.digits + more)


ACCURACY = Quality(
    column=OUTCOME,
    lost=f"{OUTCOME}_drop",
    word=OUTCOME_WORD,
    noun="accuracy",
    better="higher",
    factor=100,
    digits=1,
    unit="%",
    loses="loses",
    measure="points",
    best="most accurate",
)
BITS = Quality(
    column="bits_per_byte",
    lost="bits_per_byte_rise",
    word="bits per byte",
    noun="bits per byte",
    better="lower",
    factor=1,
    digits=3,
    unit="",
    loses="adds",
    measure="bits per byte",
    best="best",
)
PERPLEXITY = replace(BITS, column="perplexity", lost="perplexity_ratio", word="perplexity", noun="perplexity", digits=2)
QUALITIES = (ACCURACY, BITS)  # one of them judges a study
WRITTEN = (BITS, PERPLEXITY)


def quality_of(*tables: pd.DataFrame) -> Quality:
    """The first that any of the tables has a value of; accuracy where there is none."""
    held = (one for one in QUALITIES if any(_has(table, one.column) for table in tables))
    return next(held, ACCURACY)


def written_as(column: str) -> Quality:
    """How a column of outcomes is written: shares of items in per cent, measures of text as they are."""
    return next((one for one in WRITTEN if column.startswith(one.column)), ACCURACY)


def asked_of(collectors: Iterable[str]) -> bool:
    """Whether collectors, or the metrics that stand for them, tell what weights are worth."""
    return bool({"accuracy", "perplexity", *(one.column for one in QUALITIES)} & set(collectors))


def _has(table: pd.DataFrame, column: str) -> bool:
    return column in table and bool(table[column].notna().any())
