"""How numbers are written: mean ± sd, points, percentages, scaled units; a real minus sign, never false precision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats import Interval, spread

NONE = "–"
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
BINARY = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))


class Printed(str):
    """A number as it is printed, that still knows what was rounded: in the unit of print, by its part.

    Parts are `value`, `sd`, `low` and `high`. What is put behind it by `+` leaves them, and adds its own.
    """

    raw: Mapping[str, float]
    unit: str

    def __new__(cls, text: str, raw: Mapping[str, float], unit: str = "") -> Printed:
        made = super().__new__(cls, text)
        made.raw, made.unit = raw, unit
        return made

    def __add__(self, other: str) -> Printed:
        more = other.raw if isinstance(other, Printed) else {}
        return Printed(str(self) + str(other), {**more, **self.raw}, self.unit)


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
    return Printed(text.lstrip("-") if float(text) == 0 else text.replace("-", "−"), {"value": float(value)})


def significant(value: float | None, figures: int = 3) -> str:
    """So many significant figures, without an exponent for what is read beside other numbers."""
    if value is None or np.isnan(value):
        return NONE
    if value == 0:
        return Printed("0", {"value": 0.0})
    rounded = f"{value:.{figures - 1}e}"  # rounded first: 0.9999 has its first figure before the point
    text = number(float(rounded), max(0, figures - 1 - int(rounded.partition("e")[2])))
    return Printed(text, {"value": float(value)})


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage."""
    if share is None or np.isnan(share):
        return NONE
    return Printed(f"{number(100 * share, digits)} %", {"value": 100 * float(share)}, "%")


def points(shares: Sequence[float]) -> str:
    """Mean ± standard deviation of shares, in percentage points; the mean alone when there is one."""
    if not shares:
        return NONE
    deviation = spread(shares)
    found = plus_minus(100 * float(np.mean(shares)), None if deviation is None else 100 * deviation)
    return Printed(found, found.raw, "%")


def plus_minus(mean: float, deviation: float | None, digits: int = 1) -> Printed:
    """`mean ± deviation`; the mean alone where there is no deviation."""
    text = number(mean, digits)
    if deviation is None:
        return Printed(text, {"value": mean})
    return Printed(f"{text} ± {number(deviation, digits)}", {"value": mean, "sd": deviation})


def between(interval: Interval | None, factor: float = 1.0, digits: int = 1) -> str:
    """`[low, high]`."""
    if interval is None:
        return NONE
    low, high = factor * interval.low, factor * interval.high
    return Printed(f"[{number(low, digits)}, {number(high, digits)}]", {"low": low, "high": high})


def p_value(p: float) -> str:
    """Two significant figures, at least three decimals; tiny ones as a bound."""
    text = "< 0.0001" if p < 1e-4 else (f"{p:.4f}" if p < 0.01 else f"{p:.3f}")
    return Printed(text, {"value": p})


def p_is(p: float) -> str:
    """`p = 0.031`, `p < 0.0001`."""
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
