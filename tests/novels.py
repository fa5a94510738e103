"""A study of text as its records tell it, without a network: what the study of builders would say of a decoder."""

from __future__ import annotations

import base64
import math
from functools import lru_cache
from typing import Any

import numpy as np
from assured import assured, with_selection, with_trial
from builders import Plan, index_of

from harness.records import Measurement, Outcome, Record
from harness.report.view import View, view_of
from harness.schema import digest
from harness.store import Reading

CRITERIA = ("similarity", "iterative", "no_residual", "random")
PLAN = Plan(
    study="novels",
    question="Are attention sublayers more redundant than MLPs?",
    models=("decoder",),
    criteria=CRITERIA,
    contrast=("similarity", "random"),
    counts=(1, 2),
    draws=2,
    has_costs=False,
)
ADDED = {None: 0.0, "similarity": 0.02, "iterative": 0.03, "no_residual": 0.10, "random": 0.06}
DOCUMENTS, BYTES, TOKENS = 24, 1000.0, 400.0
BASE = 2.0
MLP_COSTS = 3.0  # times what attention does


def novels(plan: Plan = PLAN, mlp_costs: float = MLP_COSTS) -> tuple[Record, ...]:
    """Baselines, then every candidate with attention and with MLPs removed."""
    found: list[Record] = []
    for record in assured(plan):
        if record.trial.criterion is None:
            found.append(_told(record, 0.0))
            continue
        for target, times in (("attention", 1.0), ("mlp", mlp_costs)):
            criterion = record.trial.criterion
            added = times * ADDED[criterion] * (record.trial.count or 0)
            found.append(_told(_of_target(record, target, criterion), added))
    return tuple(found)


@lru_cache
def seen(plan: Plan = PLAN, mlp_costs: float = MLP_COSTS, publication: str | None = None) -> View:
    """The study as a report looks at it."""
    records = novels(plan, mlp_costs)
    held: dict[str, Any] = {"trials": tuple(r.trial for r in records), "collectors": ("perplexity", "macs")}
    held |= {"references": ({"published": publication},)} if publication else {}
    return view_of(index_of(plan).model_copy(update=held), Reading(records, ()))


def _of_target(record: Record, target: str, criterion: str) -> Record:
    named = {"iterative": {"name": "similarity"}, "no_residual": {"name": "similarity", "residual": False}}
    spec: dict[str, Any] = {
        "target": target,
        "criterion": named.get(criterion, {"name": criterion}),
    }
    search = "iterative" if criterion == "iterative" else "one_shot"
    changed = {"search": search, "optimum": None, "stability": None}
    return with_selection(with_trial(record, spec, target=target), **changed)


def _told(record: Record, added: float) -> Record:
    """The record with what a text costs instead of what it got right; each network and trial has a share of chance."""
    info = record.trial
    random = np.random.default_rng(int(digest([info.model, info.model_seed, info.target, info.criterion], 12), 16))
    network = np.random.default_rng(int(digest([info.model, info.model_seed], 12), 16))
    hard = network.normal(0, 0.05, DOCUMENTS) + BASE + network.normal(0, 0.02)
    bits = hard + added * (1 + 0.1 * random.standard_normal(DOCUMENTS))
    kept = tuple(m for m in record.measurements if m.metric not in ("top1", "top5", "optimum_gain"))
    told = tuple(m for split in ("validation", "test") for m in _measured(split, float(bits.mean())))
    outcomes = tuple(_outcome(split, bits) for split in ("validation", "test"))
    return record.model_copy(update={"measurements": (*kept, *told, *_macs(record)), "outcomes": outcomes})


def _measured(split: str, bits: float) -> tuple[Measurement, ...]:
    common: dict[str, Any] = {"better": "lower", "kind": "exact", "split": split}
    perplexity = math.exp(bits * math.log(2) * BYTES / TOKENS)
    return (
        Measurement(metric="perplexity", unit="1", value=perplexity, **common),
        Measurement(metric="bits_per_byte", unit="bit/B", value=bits, **common),
    )


def _macs(record: Record) -> tuple[Measurement, ...]:
    """Attention is a fifth of a decoder's MACs here, MLPs two fifths."""
    share = {"attention": 0.2, "mlp": 0.4}.get(record.trial.target or "", 0.0) / 8
    value = 1e6 * (1 - share * (record.trial.count or 0))
    return (Measurement(metric="macs", unit="MAC", better="lower", kind="exact", value=value),)


def _outcome(split: str, bits: np.ndarray[Any, Any]) -> Outcome:
    return Outcome(
        split=split,
        metric="perplexity",
        item="document",
        items=DOCUMENTS,
        encoding="float64",
        data=_packed(-bits * math.log(2) * BYTES),
        weights={"tokens": _packed(np.full(DOCUMENTS, TOKENS)), "bytes": _packed(np.full(DOCUMENTS, BYTES))},
        order="1" * 64,
    )


def _packed(values: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode()
