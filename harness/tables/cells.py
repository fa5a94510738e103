"""How numbers are written: mean ± sd, points, percentages, scaled units; a real minus sign, never false precision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats import Interval, spread

NONE = "–"
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
BINARY = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))


@dataclass(frozen=True)
class Scale:
    """What stored values are divided by, and the unit that they then have."""

    factor: float
    unit: str

    def of(self, value: float) -> float:
        """The value in the scaled unit."""
        return value / self.factor


def scale(values: Iterable[float], unit: str) -> Scale:
    """The prefix that suits the largest value; bytes in powers of 1024."""
    largest = max((abs(v) for v in values), default=0.0)
    if unit == "B":
        factor, name = next(((f, n) for f, n in BINARY if largest >= f), (1.0, "B"))
        return Scale(factor, name)
    factor, prefix = next((pair for pair in PREFIXES if largest >= pair[0] * (1 - 1e-12)), (1.0, ""))
    return Scale(factor, f"{prefix}{unit}")


def number(value: float | None, digits: int = 1) -> str:
    """A fixed number of decimals, with a minus sign; never a negative zero."""
    if value is None or np.isnan(value):
        return NONE
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def significant(value: float | None, figures: int = 3) -> str:
    """So many significant figures, without an exponent for what is read beside other numbers."""
    if value is None or np.isnan(value):
        return NONE
    if value == 0:
        return "0"
    rounded = f"{value:.{figures - 1}e}"  # rounded first: 0.9999 has its first figure before the point
    return number(float(rounded), max(0, figures - 1 - int(rounded.partition("e")[2])))


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    return NONE if share is None or np.isnan(share) else f"{number(100 * share, digits)} %"


def points(shares: Sequence[float]) -> str:
    """Mean ± standard deviation of shares, in percentage points; the mean alone when there is one."""
    if not shares:
        return NONE
    deviation = spread(shares)
    mean = number(100 * float(np.mean(shares)))
    return mean if deviation is None else f"{mean} ± {number(100 * deviation)}"


def between(interval: Interval | None, factor: float = 1.0, digits: int = 1) -> str:
    """`[low, high]`."""
    if interval is None:
        return NONE
    return f"[{number(factor * interval.low, digits)}, {number(factor * interval.high, digits)}]"


def p_value(p: float) -> str:
    """Two significant figures, at least three decimals; tiny ones as a bound."""
    return "< 0.0001" if p < 1e-4 else (f"{p:.4f}" if p < 0.01 else f"{p:.3f}")


def p_is(p: float) -> str:
    """`p = 0.031`, `p < 0.0001`."""
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
