"""Records of `builders` with and without a budget of hidden units, and how many of them fire by depth."""

from __future__ import annotations

from collections.abc import Iterator

from builders import Plan, records_of
from timed_records import PLAN, also, called_anew, share

from harness.records import Measurement, Record

BUDGETS = {"none": 0.3, "top_8": 0.04, "top_2": 0.01}  # and the share of units that fire, on average
LOST = {"none": 0.0, "top_8": 0.02, "top_2": 0.2}  # of top-1
MLPS = tuple(f"blocks.{place}.mlp" for place in range(3))
NOISE = ("imagenet_c_gaussian_noise", "imagenet_c_shot_noise")


def top1(record: Record) -> float:
    return next(m.value or 0.0 for m in record.measurements if (m.metric, m.split) == ("top1", "test"))


def active(share_of_units: float, seed: int, split: str = "test") -> Measurement:
    """The first MLP has half as many again, the second half as many; later seeds have a little more."""
    shares = {name: share_of_units * factor + 0.001 * seed for name, factor in zip(MLPS, (1.5, 0.5, 1), strict=True)}
    found = share(sum(shares.values()) / len(shares), "active_share", split)
    return found.model_copy(update={"better": "lower", "by_sublayer": shares, "details": {}})


def under(record: Record, label: str) -> Record:
    """The trial under another transform."""
    changed = called_anew(record.trial, label, transform=label)
    less = [
        m.model_copy(update={"value": (m.value or 0.0) - LOST[label]}) if (m.metric, m.split) == ("top1", "test") else m
        for m in record.measurements
    ]
    return record.model_copy(update={"trial": changed, "measurements": tuple(less)})


def counted(plan: Plan = PLAN) -> Iterator[Record]:
    """The plan under every budget, with calibration, noise at two severities and active units."""
    for label, units in BUDGETS.items():
        for record in records_of(plan):
            changed = under(record, label)
            noise = [
                share(top1(changed) - 0.1 * severity, corruption=kind, severity=severity)
                for kind in NOISE
                for severity in (1, 2)
            ]
            seed = changed.trial.model_seed or 0
            yield also(changed, share(0.04, "ece"), active(units, seed), active(0.5, seed, "validation"), *noise)
