"""What reports count and look up of each trial beside its row: what was warned of, its data, machine and selection.

Each fact is a number, a truth, or JSON that many trials share, so that all of a study's stand in columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.records import Measurement
from harness.results import TrialResult
from harness.schema import Json, canonical

MARK = "."  # begins the column of a fact; no column of trials.csv does
TIMED = "latency_s"
SUBLAYERS = ("sublayer_latency_share", "sublayer_macs")  # timed, and counted
DATA, ENVIRONMENT, WARNED, TOLD, NULLS = ".data", ".environment", ".warned", ".told", ".nulls"
STARTED, FINISHED, STAGE, LOG = ".started", ".finished", ".failure_stage", ".failure_log"
IS_TIMED, DOUBTED, ATTEMPTS, IS_SHARED, IS_UNSURE = ".is_timed", ".doubted", ".attempts", ".is_shared", ".is_unsure"
OWN_LATENCIES, APART, RECIPE = ".own_latencies", ".apart", ".recipe"
SELECTION, SECONDS, STABILITY, OPTIMUM = ".selection", ".selection_s", ".stability", ".optimum"
NETWORK, CHOICE, RECOVERY, TRANSFORMS = ".network", ".choice", ".recovery", ".transforms"
FACTS = (
    *(NETWORK, CHOICE, RECOVERY, TRANSFORMS, STARTED, FINISHED, STAGE, LOG, IS_TIMED, DOUBTED, ATTEMPTS, IS_SHARED),
    *(TOLD, NULLS, OWN_LATENCIES, APART, SELECTION, SECONDS, STABILITY, OPTIMUM, IS_UNSURE, RECIPE, DATA, ENVIRONMENT),
    WARNED,
)


def facts_of(result: TrialResult) -> dict[str, Json]:
    """All facts of a trial on one machine class; None for what there is nothing to say of."""
    return {
        **of_plan(result.info.spec),
        **_of_runs(result),
        **_of_measurements(tuple(result.measurements.values())),
        **_of_selection(result),
        RECIPE: _compared({kind: list(places) for kind, places in result.recipe.items() if places}),
        DATA: _told({name: part.model_dump(mode="json") for name, part in result.data.items()}),
        ENVIRONMENT: _told(result.environment.model_dump(mode="json") if result.environment else None),
        WARNED: _told([[one.code, one.message] for one in result.warnings]),
    }


def of_plan(spec: Mapping[str, Json]) -> dict[str, Json]:
    """The facts that the plan tells of a trial, by its spec."""
    return {
        NETWORK: canonical([spec.get("architecture"), spec.get("options")]),
        CHOICE: _told({name: spec.get(name) for name in ("criterion", "search")}),
        RECOVERY: _told(spec.get("recovery")),
        TRANSFORMS: _told(spec.get("transforms")),
    }


def counts(told: pd.Series) -> Iterator[tuple[str, int]]:
    """Each different fact of a column with the number of rows that have it, in the order of the first of each."""
    found = told.dropna().value_counts(sort=False)
    yield from ((str(fact), int(found[fact])) for fact in told.dropna().unique())


def tuples_of(table: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """The rows of a table as tuples; columns of texts are turned as a whole, which takes a tenth of one by one."""
    yield from zip(*(table[name].to_numpy(dtype=object) for name in table), strict=True)


def values_of(column: pd.Series) -> list[Any]:
    """The values of a column, None where there is none; each different one is made once."""
    codes, values = pd.factorize(column)
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    return list(np.array([*plain, None], dtype=object)[codes])  # code -1 is the last one


def _of_runs(result: TrialResult) -> dict[str, Json]:
    failure = result.failure
    return {
        STARTED: min((run.started for run in result.runs), default=None),
        FINISHED: max((run.finished for run in result.runs), default=None),
        STAGE: failure.stage if failure else None,
        LOG: failure.log if failure else None,
    }


def _of_measurements(found: tuple[Measurement, ...]) -> dict[str, Json]:
    own = [m for m in found if m.shared_from is None]
    nulls = dict.fromkeys((asked_words(m), m.reason) for m in found if m.value is None)  # once a trial, in their order
    return {
        IS_TIMED: any(m.kind == "noisy" and m.value is not None for m in found),
        DOUBTED: _told(sorted({m.metric for m in found if m.quality != "ok"})),
        ATTEMPTS: _told([n for m in own if isinstance(n := m.details.get("attempts"), int) and n > 1]),
        IS_SHARED: len(own) < len(found),
        TOLD: _told([[m.metric, text] for m in own for text in m.warnings]),
        NULLS: _told([[what, why] for what, why in nulls]),
        OWN_LATENCIES: sum(m.metric == TIMED and m.value is not None and len(m.samples) > 1 for m in own),
        APART: _told(_taken_apart(found)),
    }


def asked_words(m: Measurement) -> str:
    """A metric with its split and conditions: `images_per_s, batch 128`."""
    at = [f"{key} {value}" for key, value in sorted(m.at.items()) if key != "revision"]
    return ", ".join([m.metric, *([m.split] if m.split else []), *at])


def _taken_apart(found: tuple[Measurement, ...]) -> list[Json]:
    """Conditions, quality and whether it is another trial's of each timing of sublayers, or that they were counted."""
    held = [m for m in found if m.metric in SUBLAYERS and m.by_sublayer and m.value is not None]
    timed = [m for m in held if m.metric == SUBLAYERS[0]]
    if timed:
        return [[str(sorted(m.at.items())), m.quality, m.shared_from is not None] for m in timed]
    return [["", "ok", False]] if held else []


def _of_selection(result: TrialResult) -> dict[str, Json]:
    info = result.selection
    budget = info.budget or {} if info else {}
    made = [s for run in result.runs if (s := run.stages.get("select")) is not None and not s.reused]
    if "latency" in budget:
        made = []  # that stage timed networks too, which is no price of the criterion
    whole = info.model_dump(mode="json", exclude={"steps", "stability", "optimum"}) if info else None
    return {
        SELECTION: _told(whole),
        SECONDS: made[-1].elapsed_s if made else None,  # runs are newest first; the oldest made it alone
        STABILITY: _told((info.stability if info else None) or _details(result, "stability_tau")),
        OPTIMUM: _told((info.optimum if info else None) or _details(result, "optimum_gain")),
        IS_UNSURE: "quality" in budget,
    }


def _details(result: TrialResult, metric: str) -> Mapping[str, Json] | None:
    """What a measurement holds beside its value: the selection's record may be of a run that was not asked for it."""
    found = (m.details for m in result.measurements.values() if m.metric == metric and m.details)
    return next(found, None)


def _told(value: object) -> str | None:
    """JSON in the given order, which is what readers see; None for nothing and what is empty."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None


def _compared(value: object) -> str | None:
    """Canonical JSON, which is equal for equal things; None for nothing and what is empty."""
    return canonical(value) if value else None
