"""How often history sees a step that is there, and one that is not; beside a library with its usual penalty.

    .venv/bin/python benchmarks/steps.py [--series 2000]

Seeded series of points, one for each commit. `located`: a step of three standard deviations at a place drawn from those
with three points or more on either side; the share of series in which a step is found within one point of it, and the
false steps beside it. `mended`: a rise of three standard deviations that ends after eight points; the share in which
both ends are found so. `false`: no step at all, noise of several kinds; the share of series that show one. `library`:
ruptures' Pelt with a quadratic cost and the penalty 2 s^2 log n (its documentation's), where s is estimated from
differences of neighbours; null where it is not installed. All shares with their 95 % Wilson intervals. Prints JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.history.steps import breaks
from harness.stats import Array, wilson

STEP = 3.0  # standard deviations
EDGE = 3  # points on either side of a step
STRETCH = 8
Draw = Callable[[np.random.Generator, int], Array]
Find = Callable[[Array], list[int]]


def main() -> None:
    """Simulates and prints."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--series", type=int, default=2_000)
    count = arguments.parse_args().series
    found: dict[str, Any] = {
        "located": {n: located(count, n, own) for n in (10, 20, 40)},
        "mended": mended(count, 28),
        "false": {name: {n: false(count, n, draw, own) for n in (6, 10, 20, 40)} for name, draw in NOISES.items()},
        "library": library(count),
    }
    print(json.dumps(found, indent=1))


def own(values: Array) -> list[int]:
    """Where history sees steps."""
    return [one.place for one in breaks(values)]


def normal(generator: np.random.Generator, n: int) -> Array:
    """What the test is made for."""
    return generator.standard_normal(n)


def heavy(generator: np.random.Generator, n: int) -> Array:
    """Student's t with three degrees of freedom: far outliers."""
    return generator.standard_t(3, n)


def skewed(generator: np.random.Generator, n: int) -> Array:
    """Exponential: times that are never shorter and now and then longer."""
    return generator.exponential(size=n)


def related(generator: np.random.Generator, n: int) -> Array:
    """Each point takes over three tenths of the deviation of the one before."""
    values = generator.standard_normal(n)
    for place in range(1, n):
        values[place] += 0.3 * values[place - 1]
    return values


NOISES: dict[str, Draw] = {"normal": normal, "heavy": heavy, "skewed": skewed, "related": related}


def located(count: int, n: int, find: Find) -> dict[str, Any]:
    """How often a step is found within one point of where it is."""
    generator = np.random.default_rng([1, n])
    hits = extra = 0
    for _ in range(count):
        place = int(generator.integers(EDGE, n - EDGE + 1))
        seen = find(generator.standard_normal(n) + STEP * (np.arange(n) >= place))
        near = [one for one in seen if abs(one - place) <= 1]
        hits += bool(near)
        extra += len(seen) - bool(near)
    return {**_share(hits, count), "false_steps_per_series": extra / count}


def mended(count: int, n: int) -> dict[str, Any]:
    """How often both ends of a stretch are found within one point of where they are."""
    generator = np.random.default_rng([2, n])
    hits = 0
    for _ in range(count):
        start = int(generator.integers(EDGE, n - STRETCH - EDGE + 1))
        values = generator.standard_normal(n)
        values[start : start + STRETCH] += STEP
        seen = own(values)
        hits += all(any(abs(one - end) <= 1 for one in seen) for end in (start, start + STRETCH))
    return _share(hits, count)


def false(count: int, n: int, draw: Draw, find: Find) -> dict[str, Any]:
    """How often a series without a step shows one, and how many steps such series show on average."""
    generator = np.random.default_rng([3, n])
    seen = [len(find(draw(generator, n))) for _ in range(count)]
    return {**_share(sum(number > 0 for number in seen), count), "steps_per_series": sum(seen) / count}


def library(count: int) -> dict[str, Any] | None:
    """The same of ruptures."""
    try:
        ruptures: Any = importlib.import_module("ruptures")  # in no extra: it is measured here, and used nowhere
    except ImportError:
        return None

    def find(values: Array) -> list[int]:
        spread = 1.4826 * float(np.median(np.abs(np.diff(values)))) / math.sqrt(2)
        penalty = 2 * spread**2 * math.log(len(values))
        search = ruptures.Pelt(model="l2", min_size=2, jump=1).fit(values)
        return [int(end) for end in search.predict(pen=penalty)[:-1]]

    few = max(1, count // 4)  # it takes a hundred times as long
    return {
        "version": ruptures.__version__,
        "located": {n: located(few, n, find) for n in (10, 20, 40)},
        "false": {n: false(few, n, normal, find) for n in (6, 10, 20, 40)},
    }


def _share(hits: int, count: int) -> dict[str, Any]:
    interval = wilson(hits, count)
    return {"share": hits / count, "interval": [round(interval.low, 4), round(interval.high, 4)]}


if __name__ == "__main__":
    main()
