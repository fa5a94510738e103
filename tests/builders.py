"""A study as its records tell it, without a network: six models, four criteria, five counts, seeded numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from harness.records import (
    Asked,
    Environment,
    Failure,
    Measurement,
    PartInfo,
    Proof,
    Record,
    Run,
    SelectionInfo,
    SharedFrom,
    StageRun,
    StudyIndex,
    TrialInfo,
)
from harness.schema import digest
from harness.store import Store

ATTENTION, MLP, REST, PARAMS, LOST = 315_520, 557_056, 22_000, 402_954, 16_640
LOSS = {"entropy": 0.011, "similarity": 0.016, "last": 0.030, "random": 0.042, "magnitude": 0.02, "taylor": 0.014}
BASE = 0.957


@dataclass(frozen=True)
class Plan:
    """What the synthetic study holds; the defaults are the realistic one."""

    study: str = "entropy_vs_similarity"
    question: str | None = "Which criterion finds the attention sublayers that a vision transformer can do without?"
    models: tuple[str, ...] = ("vit_digits",)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    criteria: tuple[str, ...] = ("entropy", "similarity", "last", "random")
    contrast: tuple[str, str] | None = ("entropy", "similarity")
    counts: tuple[int, ...] = (2, 3, 4, 5, 6)
    of: int = 8
    draws: int = 5
    machine_class: str = "cpu-5f2c9a"
    device: str = "cpu"
    noisy_counts: tuple[int, ...] = (2,)
    has_costs: bool = True
    is_synthetic: bool = False
    limited: bool = False


def index_of(plan: Plan) -> StudyIndex:
    """The plan file of the study."""
    return StudyIndex(
        study=plan.study,
        question=plan.question,
        contrast=plan.contrast,
        criteria=plan.criteria,
        collectors=("accuracy", "macs", "params", "latency", "throughput", "memory"),
        command=f"python -m harness run studies/{plan.study}.yaml",
        is_synthetic=plan.is_synthetic,
        random_criteria=tuple(c for c in plan.criteria if c == "random"),
        trials=tuple(record.trial for record in records_of(plan)),
    )


@lru_cache(maxsize=64)
def records_of(plan: Plan) -> tuple[Record, ...]:
    """One ok record per trial: baselines first."""
    baselines = [_record(plan, model, seed, None, None, 0) for model in plan.models for seed in plan.seeds]
    return (*baselines, *(_record(plan, *axes) for axes in _grid(plan)))


def stored(plan: Plan, store: Store, records: tuple[Record, ...] | None = None) -> Store:
    """The study in a results folder."""
    store.write_index(index_of(plan))
    for record in records_of(plan) if records is None else records:
        store.write_record(record)
    return store


def failed(record: Record, kind: str = "oom_host", message: str = "the host ran out of memory") -> Record:
    """The same trial, had its run failed."""
    failure = Failure.model_validate({"class": kind, "stage": "cost", "message": message, "retry": False})
    changed: dict[str, Any] = {"status": "failed", "failure": failure, "measurements": (), "removed": (), "recipe": {}}
    return record.model_copy(update=changed)


def without(record: Record, *metrics: str) -> Record:
    """The same record, less some metrics."""
    return record.model_copy(update={"measurements": tuple(m for m in record.measurements if m.metric not in metrics)})


def elsewhere(plan: Plan, **changes: Any) -> Plan:
    """The plan with some fields changed."""
    return replace(plan, **changes)


def _grid(plan: Plan) -> Iterator[tuple[str, int, str, int | None, int]]:
    for model in plan.models:
        for seed in plan.seeds:
            for criterion in plan.criteria:
                for draw in range(plan.draws) if criterion == "random" else (None,):
                    for count in plan.counts:
                        yield model, seed, criterion, draw, count


def _record(plan: Plan, model: str, seed: int, criterion: str | None, draw: int | None, count: int) -> Record:
    info = _info(plan, model, seed, criterion, draw, count)
    order = tuple(f"blocks.{place}.attn" for place in _places(plan, model, seed, criterion, draw))
    places = _places(plan, model, seed, criterion, draw)[:count]
    removed = tuple(f"blocks.{place}.attn" for place in sorted(places))
    measurements = (*_outcomes(plan, info, places), *(_costs(plan, model, count, info) if plan.has_costs else ()))
    stages = {
        name: StageRun(
            key=digest([name, info.id]),
            content=digest([name, model, seed]) if name == "prepare" else digest([name, info.id]),
            reused=False,
            made_by=info.id,
            machine_class=plan.machine_class,
            software_class="sw-11aa22",
            elapsed_s=1.5,
        )
        for name in ("prepare", "select", "evaluate", "cost")
    }
    run = Run(
        id=f"20260301T1200{seed:02d}-{digest(info.id, 6)}",
        started=f"2026-03-01T12:00:{seed:02d}Z",
        finished=f"2026-03-01T12:01:{seed:02d}Z",
        executor="local",
        limited=plan.limited,
        asked=tuple(m.asked for m in measurements),
        stages=stages,
    )
    return Record(
        status="ok",
        trial=info,
        run=run,
        removed=removed,
        recipe={"attention": tuple(sorted(places))} if places else {},
        selection=None if criterion is None else SelectionInfo(search="one_shot", nested=True, order=order, items=256),
        measurements=measurements,
        proof=Proof(status="passed", max_abs_difference=1.2e-6, tolerance=1e-4) if criterion else None,
        data={
            part: PartInfo(items=items, sha256=digest([part], 64), transform="resize 8, scale 1/16")
            for part, items in (("train", 899), ("calibration", 256), ("validation", 282), ("test", 360))
        },
        environment=_environment(plan),
    )


def _info(plan: Plan, model: str, seed: int, criterion: str | None, draw: int | None, count: int) -> TrialInfo:
    part = f"attention-{criterion}-k{count}" if criterion else "baseline"
    drawn = "" if draw is None else f"-d{draw}"
    identity = {"model": model, "seed": seed, "criterion": criterion, "draw": draw, "count": count}
    baseline = None if criterion is None else _info(plan, model, seed, None, None, 0).id
    return TrialInfo(
        id=f"{model}-{part}-s{seed}{drawn}-{digest(identity)}",
        digest=digest(identity),
        study=plan.study,
        model=model,
        data="digits",
        target="attention" if criterion else None,
        criterion=criterion,
        draw=draw,
        count=count if criterion else None,
        of=plan.of if criterion else None,
        ratio=count / plan.of if criterion else None,
        removal="skip" if criterion else None,
        model_seed=seed,
        selection_seed=seed if criterion == "random" else None,
        baseline=baseline,
        untouched=baseline,
        spec=_spec(model, seed, criterion, draw, count),
    )


def _spec(model: str, seed: int, criterion: str | None, draw: int | None, count: int) -> dict[str, Any]:
    whole = {
        "architecture": model,
        "weights": {"train": {"epochs": 10}},
        "data": {"name": "digits"},
        "model_seed": seed,
    }
    if criterion is None:
        return whole
    drawn = {} if draw is None else {"draw": draw, "selection_seed": seed}
    return whole | {"target": "attention", "criterion": {"name": criterion}, "count": count} | drawn


def _places(plan: Plan, model: str, seed: int, criterion: str | None, draw: int | None) -> list[int]:
    depths = np.arange(plan.of)
    generator = _generator("places", model, seed, criterion, draw)
    centre = {"entropy": 2.0, "similarity": 4.5, "last": plan.of}.get(criterion or "", 0.0)
    noise = {"entropy": 1.3, "similarity": 1.0, "last": 0.0}.get(criterion or "", 100.0)
    return [int(i) for i in np.argsort(np.abs(depths - centre) + noise * generator.standard_normal(plan.of))]


def _outcomes(plan: Plan, info: TrialInfo, places: list[int]) -> Iterator[Measurement]:
    level = BASE + 0.008 * _generator("model", info.model, info.model_seed).standard_normal()
    rate = LOSS.get(info.criterion or "", 0.0)
    noise = _generator("noise", info.model, info.model_seed, info.criterion, info.draw, len(places))
    lost = rate * len(places) ** 1.45 * (1 + 0.16 * noise.standard_normal())
    for split, items in (("validation", 282), ("test", 360)):
        correct = round(items * min(1.0, max(0.1, level - lost + (0.004 if split == "validation" else 0.0))))
        yield Measurement(
            metric="top1",
            unit="1",
            better="higher",
            kind="exact",
            split=split,
            value=correct / items,
            details={"items": items},
        )


def _costs(plan: Plan, model: str, count: int, info: TrialInfo) -> Iterator[Measurement]:
    owner = _info(plan, model, plan.seeds[0], plan.criteria[0] if count else None, None, count)
    if owner.criterion == "random":
        owner = _info(plan, model, plan.seeds[0], "random", 0, count)
    shared = None if owner.id == info.id else SharedFrom(trial=owner.id, run=f"20260301T120000-{digest(owner.id, 6)}")
    macs = REST + plan.of * (ATTENTION + MLP) - count * ATTENTION
    common: dict[str, Any] = {"shared_from": shared}
    yield Measurement(metric="macs", unit="MAC", better="lower", kind="exact", value=float(macs), **common)
    params = float(PARAMS - count * LOST)
    yield Measurement(metric="params", unit="parameter", better="lower", kind="exact", value=params, **common)
    quality = "noisy" if count in plan.noisy_counts else "ok"
    for metric, unit, better, base, batch in (
        ("latency_s", "s", "lower", 2.1e-3, 1),
        ("images_per_s", "1/s", "higher", 5400.0, 64),
    ):
        own, other = _samples(metric, model, count, base, 1 - 0.052 * count if batch == 1 else 1 - 0.038 * count)
        yield Measurement.model_validate(
            {
                "metric": metric,
                "unit": unit,
                "better": better,
                "kind": "noisy",
                "at": {"batch": batch},
                "value": float(np.median(own)),
                "samples": own,
                "baseline_samples": other,
                "quality": quality,
                "shared_from": shared,
            }
        )
    yield Measurement(
        metric="peak_bytes",
        unit="B",
        better="lower",
        kind="noisy",
        at={"batch": 64},
        value=float(18_000_000 - 300_000 * count),
        **common,
    )


def _samples(metric: str, model: str, count: int, base: float, factor: float) -> tuple[tuple[float, ...], ...]:
    generator = _generator(metric, model, count)
    jitter = 0.05 * generator.random(30)
    own = (
        base * (factor if metric == "latency_s" else 1 / factor) * (1 + jitter + 0.015 * generator.standard_normal(30))
    )
    other = base * (1 + jitter + 0.015 * generator.standard_normal(30))
    return tuple(map(float, own)), tuple(map(float, other))


def _environment(plan: Plan) -> Environment:
    return Environment(
        harness={"version": "0.1.0", "commit": "1234abcd", "dirty": False},
        project={"commit": "1234abcd", "dirty": False},
        machine_class=plan.machine_class,
        machine={"cpu": "x86-64, 8 cores", "memory_bytes": 34_359_738_368, "gpu": None},
        software_class="sw-11aa22",
        versions={"python": "3.11.9", "torch": "2.14.1", "timm": "1.0.31"},
        device=plan.device,
        threads=2,
    )


def _generator(*names: object) -> np.random.Generator:
    return np.random.default_rng(int(digest([str(name) for name in names], 12), 16))


def asked(metric: str, split: str | None = None) -> str:
    """The key of a measurement without conditions."""
    return Asked(metric=metric, split=split).key
