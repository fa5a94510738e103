"""What goes with each sublayer when it alone is removed, as the records tell it: shares, intervals, doubts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import pandas as pd

from harness import stats
from harness.records import Environment, Measurement
from harness.results import TrialResult
from harness.schema import Json
from harness.stats import Interval
from harness.tables.derived import FEWEST_PAIRS, realised
from harness.tables.facts import APART
from harness.tables.placing import natural
from harness.wording import slug

TIMED, PEAK, MACS, PARAMS, ACTIVATIONS = (
    f"sublayer_{part}" for part in ("latency_share", "peak_bytes", "macs", "params", "activation_bytes")
)
AXES = ("model", "data", "runtime", "machine_class")
TRUST = ("ok", "noisy", "tainted")
Details = Mapping[str, Json]


@dataclass(frozen=True)
class Part:
    """One sublayer; MACs and bytes are of one item, shares of the whole network, and what nobody measured is None.

    The interval is the 95 % interval of the share of the latency, None for few pairs.
    """

    name: str
    kind: str
    depth: int
    macs: float
    params: float
    macs_share: float
    params_share: float
    latency_share: float | None = None
    interval: Interval | None = None
    quality: str = "ok"
    activation_bytes: float | None = None
    peak_bytes: float | None = None

    @property
    def realised(self) -> float | None:
        """Gain in speed over the gain that its MACs promise."""
        share = self.latency_share
        return None if share is None or share >= 1 else realised(1 / (1 - share), self.macs_share)


@dataclass(frozen=True)
class Apart:
    """The sublayers of one network on one machine, in order of depth, and the measurement that timed them.

    `label` is the model, with what sets the network apart from the study's others.
    """

    label: str
    key: dict[str, str]
    parts: tuple[Part, ...]
    timed: Measurement | None
    environment: Environment | None

    @property
    def slug(self) -> str:
        """The label as a part of a file name."""
        return slug(self.label)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of sublayers in the order in which they first come."""
        return tuple(dict.fromkeys(part.kind for part in self.parts))

    @property
    def at(self) -> dict[str, str]:
        """What it was timed under, in words: `batch 1`, and options that are not at their default."""
        at = {} if self.timed is None else {"batch": 1, **self.timed.at}
        return {key: f"{key.replace('_', ' ')} {_plain(value)}" for key, value in at.items() if key != "revision"}

    @property
    def batch(self) -> str:
        """Items in a timed step; empty where nothing was timed."""
        return "" if self.timed is None else str(self.timed.at.get("batch", 1))

    @property
    def conditions(self) -> str:
        """`batch 1, Intel Xeon, 2 threads`; empty where nothing was timed."""
        if self.timed is None:
            return ""
        words = [f"batch {self.batch}", *_machine(self.environment)]
        threads = self.timed.details.get("threads")
        is_cpu = self.environment is None or self.environment.device == "cpu"
        if is_cpu and isinstance(threads, int):
            words.append(f"{threads} thread{'' if threads == 1 else 's'}")
        return ", ".join(words)

    @property
    def qualities(self) -> tuple[str, ...]:
        """How far each share of the latency can be trusted."""
        return tuple(part.quality for part in self.parts if part.latency_share is not None)

    @property
    def control(self) -> tuple[float, Interval] | None:
        """What a copy that lacks nothing seems to save: a share and its interval; None for few pairs."""
        ratios = [] if self.timed is None else _numbers(self.timed.details.get("control_ratios"))
        if len(ratios) < FEWEST_PAIRS:
            return None
        saved = [1 - ratio for ratio in ratios]
        return median(saved), stats.median_interval(saved)

    @property
    def pairs(self) -> tuple[int, int] | None:
        """Fewest and most pairs that a share rests on."""
        counts = [len(ratios) for ratios in _ratios(self.timed).values()]
        return (min(counts), max(counts)) if counts else None


def apart(results: Iterable[TrialResult]) -> tuple[Apart, ...]:
    """One for each network, runtime, machine class and condition of timing; nothing where nothing was measured."""
    found: dict[tuple[str, ...], list[tuple[TrialResult, Measurement | None]]] = {}
    for result in results:
        for timed in _timings(result):
            at = "" if timed is None else str(sorted(timed.at.items()))
            found.setdefault((*_key(result).values(), at), []).append((result, timed))
    return _labelled([_apart(*min(held, key=_doubt)) for held in found.values()])


def soundest(rows: pd.DataFrame) -> tuple[str, ...]:
    """The trials that `apart` takes its answers from: of rows whose sublayers were measured, the best for each."""
    best: dict[tuple[str, ...], tuple[tuple[int, bool], str]] = {}
    for trial, told, *key in rows[["id", APART, *AXES]].itertuples(index=False, name=None):
        for at, quality, is_shared in json.loads(told):
            doubt = (TRUST.index(quality), bool(is_shared))
            held = best.setdefault((*key, at), (doubt, trial))
            if doubt < held[0]:
                best[*key, at] = (doubt, trial)
    return tuple(dict.fromkeys(trial for _, trial in best.values()))


def _labelled(found: Sequence[Apart]) -> tuple[Apart, ...]:
    told = [one.key | one.at for one in found]
    names = list(dict.fromkeys(name for key in told for name in key))
    varying = [name for name in names if len({key.get(name) for key in told}) > 1]
    shown = [name for name in names if name == "model" or name in varying]
    return tuple(
        replace(one, label=", ".join(key[name] for name in shown if name in key))
        for one, key in zip(found, told, strict=True)
    )


def _plain(value: Json) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _timings(result: TrialResult) -> Iterator[Measurement | None]:
    """Every timing of a trial; None where its sublayers were counted and not timed."""
    timings = _held(result, TIMED)
    if timings:
        yield from timings
    elif _held(result, MACS):
        yield None


def _held(result: TrialResult, metric: str) -> list[Measurement]:
    return [m for m in result.measurements.values() if m.metric == metric and m.by_sublayer and m.value is not None]


def _doubt(one: tuple[TrialResult, Measurement | None]) -> tuple[int, bool]:
    """The best of what equal networks have: that of the best quality, and of the trial that really measured."""
    timed = one[1]
    return (0, False) if timed is None else (TRUST.index(timed.quality), timed.shared_from is not None)


def _key(result: TrialResult) -> dict[str, str]:
    info = result.info
    values = (info.model, info.data, info.runtime, result.machine_class)
    return dict(zip(AXES, values, strict=True))


def _apart(result: TrialResult, timed: Measurement | None) -> Apart:
    counted = [held[0] for metric in (MACS, PARAMS, ACTIVATIONS) if (held := _held(result, metric))]
    peaks = [m for m in _held(result, PEAK) if timed is not None and m.at == timed.at]
    measured = {m.metric: m for m in (*counted, *peaks, *([timed] if timed else []))}
    described = next(iter(measured.values())).details
    whole, facts = _mapping(described, "whole"), _mapping(described, "sublayers")
    parts = [_part(name, _mapping(facts, name), whole, measured) for name in facts]
    parts.sort(key=lambda part: (part.depth, natural(part.name)))
    return Apart(result.info.model, _key(result), tuple(parts), timed, result.environment)


def _part(name: str, fact: Details, whole: Details, measured: Mapping[str, Measurement]) -> Part:
    macs, params = _number(fact, "macs"), _number(fact, "params")
    timed = measured.get(TIMED)
    return Part(
        name=name,
        kind=str(fact.get("kind")),
        depth=int(depth) if math.isfinite(depth := _number(fact, "depth")) else 0,
        macs=macs,
        params=params,
        macs_share=macs / (_number(whole, "macs") or math.nan),
        params_share=params / (_number(whole, "params") or math.nan),
        latency_share=_of(timed, name),
        interval=_interval(timed, name),
        quality=_quality(timed, name),
        activation_bytes=_of(measured.get(ACTIVATIONS), name),
        peak_bytes=_of(measured.get(PEAK), name),
    )


def _of(measurement: Measurement | None, name: str) -> float | None:
    return None if measurement is None else (measurement.by_sublayer or {}).get(name)


def _interval(timed: Measurement | None, name: str) -> Interval | None:
    ratios = _ratios(timed).get(name, [])
    return stats.median_interval([1 - ratio for ratio in ratios]) if len(ratios) >= FEWEST_PAIRS else None


def _ratios(timed: Measurement | None) -> dict[str, list[float]]:
    held = {} if timed is None else _mapping(timed.details, "ratios")
    return {name: _numbers(values) for name, values in held.items()}


def _numbers(held: Json) -> list[float]:
    return [float(value) for value in held if isinstance(value, int | float)] if isinstance(held, list) else []


def _quality(timed: Measurement | None, name: str) -> str:
    """That of the whole measurement; where nothing speaks against it, a sublayer's own pairs may still be noisy."""
    if timed is None or timed.quality != "ok":
        return timed.quality if timed else "ok"
    noisy = timed.details.get("noisy")
    return "noisy" if isinstance(noisy, list) and name in noisy else "ok"


def _machine(environment: Environment | None) -> tuple[str, ...]:
    """The GPU that ran it, or the CPU, in words."""
    if environment is None:
        return ()
    card = _mapping(environment.machine, "gpu").get("name")
    name = environment.machine.get("cpu") if environment.device == "cpu" else card
    return (str(name or environment.device),)


def _mapping(held: Details, name: str) -> Details:
    found = held.get(name)
    return found if isinstance(found, dict) else {}


def _number(held: Details, name: str) -> float:
    found = held.get(name)
    return float(found) if isinstance(found, int | float) else math.nan
