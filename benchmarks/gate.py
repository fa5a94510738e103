"""How often does the regression gate cry wolf, and what does it miss: simulated, and on real measurements?

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive .venv/bin/python -m benchmarks.gate [--only simulated] [--repeats 12]

`simulated`: checks of 40 noisy metrics, 2,000 seeded ones of each kind. Times of candidate and baseline vary by 2 or
5 % (lognormal; also with Student's t of 3 degrees of freedom, and with runs that differ by what the gate allows for).
A false alarm is a check without a change that calls anything worse; power is the share of checks in which one metric of
the 40, slower by 5 %, is called worse. `items`: one image more or less in the accuracy of a shipped record. `shipped`:
the trials of `runtimes` that were run on two commits, as they are and with every candidate slower on the second; and
even against odd rounds of the H200's records. `measured`: networks of equal layers are timed on this machine beside
their baseline, as a study does it, `--repeats` times; every second repeat is compared with the next one, and with the
next one of networks with a layer more. All rates have Wilson intervals. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.timing_quality import Tower, subject
from harness.collectors.latency import Latency
from harness.device import IdleClock
from harness.records import Measurement, Record
from harness.regressions.comparison import Comparison, compare
from harness.regressions.evidence import BETWEEN, Evidence, Series, Spread, evidence, series
from harness.regressions.finding import Limits
from harness.regressions.noisy import EVERYWHERE, judged
from harness.sides import Side, of_snapshot, side
from harness.stages.attempts import collected
from harness.stats import wilson

CHECKS, METRICS, SLOWER = 2_000, 40, 1.05
VARIATIONS = (0.02, 0.05)
COMMITS = ("4bc4b80", "f1043ed")  # on which the shipped runtimes were run, with the same networks
PACES = (1.0, 1.05, 1.1, 1.2)
PAIRS = (10, 20, 40, 80)  # 40 is the least that a latency takes with its defaults, 80 the most
LIMITS = Limits()
SPREAD = Spread(BETWEEN)
INERT = Evidence(0.0, BETWEEN, 1.0, 1.0, 0.0, SPREAD)  # another metric of the same check
Draw = Callable[[np.random.Generator, int], np.ndarray]


def main() -> None:
    """Simulates, changes, measures, prints."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--only", choices=("simulated", "items", "shipped", "measured"))
    arguments.add_argument("--repeats", type=int, default=12)
    arguments.add_argument("--checks", type=int, default=CHECKS)
    asked = arguments.parse_args()
    parts: dict[str, Callable[[], Any]] = {
        "simulated": lambda: simulated(asked.checks),
        "items": lambda: items(asked.checks),
        "shipped": shipped,
        "measured": lambda: measured(asked.repeats),
    }
    started = time.perf_counter()
    found = {name: part() for name, part in parts.items() if asked.only in (None, name)}
    print(json.dumps({**found, "seconds": round(time.perf_counter() - started, 1)}, indent=1))


def simulated(checks: int) -> dict[str, Any]:
    """False alarms over whole checks, and power for one metric of them."""
    kinds: dict[str, tuple[Draw, float]] = {f"lognormal, {v:.0%}": (_lognormal(v), 0.0) for v in VARIATIONS}
    alarms = {f"{name}, {pairs} pairs": kind for name, kind in kinds.items() for pairs in PAIRS}
    more = {
        "t of 3, 5 %, 40 pairs": (_heavy(0.05), 0.0),
        "runs that differ, 2 %, 80 pairs": (_lognormal(0.02), BETWEEN),
    }
    return {
        "checks": checks,
        "metrics of a check": METRICS,
        "false alarms": {
            name: _alarms(draw, sd, int(name.split()[-2]), checks) for name, (draw, sd) in {**alarms, **more}.items()
        },
        "power for 5 % slower": {
            f"{name}, {pairs} pairs": _power(draw, sd, pairs, checks)
            for name, (draw, sd) in {**kinds, "runs that differ, 2 %": (_lognormal(0.02), BETWEEN)}.items()
            for pairs in PAIRS
        },
    }


def _alarms(draw: Draw, between: float, pairs: int, checks: int) -> dict[str, Any]:
    random = np.random.default_rng(pairs)
    hits = 0
    for _ in range(checks):
        family = [_compared(random, draw, between, pairs, 1.0) for _ in range(METRICS)]
        hits += any(verdict.mark == "-" for verdict in judged(family, LIMITS))
    return _share(hits, checks)


def _power(draw: Draw, between: float, pairs: int, checks: int) -> dict[str, Any]:
    random = np.random.default_rng(1_000 + pairs)
    hits = 0
    for _ in range(checks):
        slowed = _compared(random, draw, between, pairs, SLOWER)
        hits += judged([slowed, *[INERT] * (METRICS - 1)], LIMITS)[0].mark == "-"
    return _share(hits, checks)


def _compared(random: np.random.Generator, draw: Draw, between: float, pairs: int, slower: float) -> Evidence:
    """Ratios of candidate and baseline in two runs; the second candidate is slower."""
    first, second = (_run(random, draw, between, pairs, pace) for pace in (1.0, slower))
    return evidence(first, second, "lower", SPREAD)


def _run(random: np.random.Generator, draw: Draw, between: float, pairs: int, pace: float) -> Series:
    of_run = math.exp(random.normal(0, between)) if between else 1.0
    return Series((np.log(pace * of_run * draw(random, pairs) / draw(random, pairs)),))


def _lognormal(variation: float) -> Draw:
    sigma = math.sqrt(math.log1p(variation**2))
    return lambda random, n: random.lognormal(0.0, sigma, n)


def _heavy(variation: float) -> Draw:
    """Student's t of three degrees of freedom, which has a standard deviation of sqrt(3)."""
    return lambda random, n: np.exp(variation / math.sqrt(3) * random.standard_t(3, n))


def items(checks: int) -> dict[str, Any]:
    """One image more or less, in any trial of a shipped study."""
    kept = of_snapshot("reference", Path(__file__).parents[1] / "results", "lambda_vit")
    random = np.random.default_rng(0)
    found = 0
    for _ in range(checks):
        record = kept.records[random.integers(len(kept.records))]
        way = int(random.choice([-1, 1]))
        told = compare(Side("before", (record,)), Side("after", (_one_item(record, way),)), LIMITS)
        found += [f.what for f in told.marked("-" if way < 0 else "+")] == ["top1 test"]
    return _share(found, checks)


def _one_item(record: Record, way: int) -> Record:
    def changed(m: Measurement) -> Measurement:
        of, hits = record.data["test"].items, m.value or 0.0
        is_meant = (m.metric, m.split, m.at) == ("top1", "test", {})
        return m.model_copy(update={"value": hits + way / of}) if is_meant else m

    return record.model_copy(update={"measurements": tuple(map(changed, record.measurements))})


def shipped() -> dict[str, Any]:
    """Measurements that were repeated, the second ones slowed by a known share; and halves of those of a GPU."""
    results = Path(__file__).parents[1] / "results"
    first, second = (side(f"snapshot:reference/runtimes@commit={commit}", results) for commit in COMMITS)
    gpu = of_snapshot("reference", results, "runtimes_gpu").records
    halves = [_halves(m) for record in gpu for m in record.measurements if _is_timed(record, m)]
    return {
        "two commits": {f"{pace - 1:+.0%}": _marks(compare(first, _slowed(second, pace), LIMITS)) for pace in PACES},
        "halves of one run, H200": {f"{pace - 1:+.0%}": _of_halves(halves, pace) for pace in PACES},
    }


def _marks(found: Comparison) -> dict[str, Any]:
    """Of times and rates that were judged one by one, and of metrics over all trials."""
    alone = [*found.unseen, *found.doubted]
    return {
        "worse": _share(sum(f.mark == "-" for f in alone), len(alone)),
        "better": sum(f.mark == "+" for f in alone),
        "worse over all trials": sorted(f.what.partition(":")[0] for f in found.marked("-") if f.trial == EVERYWHERE),
        "detectable, median": _middle([f.detectable for f in found.unseen if f.detectable is not None]),
        "noisy, so that no change is believed": len(found.doubted),
    }


def _slowed(second: Side, pace: float) -> Side:
    return replace(second, records=tuple(_at_pace(record, pace) for record in second.records))


def _at_pace(record: Record, pace: float) -> Record:
    def slowed(m: Measurement) -> Measurement:
        if not _is_timed(record, m):
            return m
        by = pace if m.better == "lower" else 1 / pace
        return m.model_copy(update={"samples": tuple(by * sample for sample in m.samples)})

    return record.model_copy(update={"measurements": tuple(map(slowed, record.measurements))})


def _is_timed(record: Record, m: Measurement) -> bool:
    return m.metric in ("latency_s", "images_per_s") and not record.trial.is_baseline and bool(m.samples)


def _halves(m: Measurement) -> tuple[np.ndarray, np.ndarray]:
    """The logarithms of the paired ratios, worse upwards, of even and of odd rounds."""
    way = 1 if m.better == "lower" else -1
    ratios = way * np.log(np.asarray(m.samples) / np.asarray(m.baseline_samples))
    is_odd = np.asarray(m.rounds) % 2 == 1
    return ratios[~is_odd], ratios[is_odd]


def _of_halves(halves: Sequence[tuple[np.ndarray, np.ndarray]], pace: float) -> dict[str, Any]:
    family = [evidence(Series((a,)), Series((b + math.log(pace),)), "lower", SPREAD) for a, b in halves]
    marks = [verdict.mark for verdict in judged(family, LIMITS)]
    return {"worse": _share(marks.count("-"), len(marks)), "better": marks.count("+")}


def measured(repeats: int, depth: int = 20, width: int = 256) -> dict[str, Any]:
    """Each candidate beside the whole, and beside it with a planted layer, in turn; repeat against the next repeat."""
    torch.manual_seed(0)
    whole = Tower(depth, width).eval()
    kept = (18, 16, 14, 12, 10)
    plain: list[list[Measurement]] = []
    planted: list[list[Measurement]] = []
    for _ in range(repeats):
        plain.append([_timed(whole, Tower(layers, width).eval(), width) for layers in kept])
        planted.append([_timed(whole, Tower(layers + 1, width).eval(), width) for layers in kept])
    turns = range(0, repeats - 1, 2)  # no measurement is in two checks
    equal = [_check(plain[n], plain[n + 1]) for n in turns]
    slowed = [_check(plain[n], planted[n + 1]) for n in turns]
    return {
        "threads": torch.get_num_threads(),
        "metrics of a check": len(kept),
        "false alarms, of checks": _share(sum(any(m in "+-" for m in marks) for marks, _ in equal), len(equal)),
        "false alarms, of metrics": _share(sum(m in "+-" for marks, _ in equal for m in marks), len(equal) * len(kept)),
        "a layer more": {
            f"{layers} to {layers + 1} layers, {1 / layers:+.1%}": _share(
                sum(marks[place] == "-" for marks, _ in slowed), len(slowed)
            )
            for place, layers in enumerate(kept)
        },
        "sd of the ratio from repeat to repeat": [round(_sd(one), 4) for one in zip(*plain, strict=True)],
        "detectable, median": _middle([value for _, told in equal for value in told]),
        "marked noisy": _share(sum(m.quality != "ok" for run in plain + planted for m in run), 2 * repeats * len(kept)),
        "moved, but marked noisy": sum(marks.count("?") for marks, _ in equal + slowed),
    }


def _timed(baseline: torch.nn.Module, candidate: torch.nn.Module, width: int) -> Measurement:
    pair, clock = subject(copy.deepcopy(baseline), candidate, width), IdleClock("cpu")
    found: tuple[Measurement, ...] = collected(lambda: Latency().collect(pair, clock), "cpu", remeasure=0)
    return found[0]


def _check(first: Sequence[Measurement], second: Sequence[Measurement]) -> tuple[str, list[float]]:
    """The marks of one check, and what each could have seen; as in a check, no move of noisy samples is believed."""
    both = list(zip(first, second, strict=True))
    verdicts = judged([evidence(_ratios(a), _ratios(b), "lower", SPREAD) for a, b in both], LIMITS)
    doubted = [not a.quality == b.quality == "ok" for a, b in both]
    marks = ("?" if doubt and v.mark in "+-" else v.mark for v, doubt in zip(verdicts, doubted, strict=True))
    told = zip(verdicts, doubted, strict=True)
    return "".join(marks), [v.detectable for v, doubt in told if v.detectable is not None and not doubt]


def _middle(values: Sequence[float]) -> float | None:
    return round(float(np.median(values)), 4) if values else None


def _ratios(m: Measurement) -> Series:
    found = series([m], is_ratio=True)
    if isinstance(found, str):
        raise SystemExit(found)
    return found


def _sd(repeats: Sequence[Measurement]) -> float:
    return float(np.std([np.median(_ratios(m).samples) for m in repeats], ddof=1))


def _share(hits: int, of: int) -> dict[str, Any]:
    held = wilson(hits, of)
    return {"share": round(hits / of, 4), "wilson": [round(held.low, 4), round(held.high, 4)], "of": of}


if __name__ == "__main__":
    main()
