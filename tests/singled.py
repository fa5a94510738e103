"""Networks taken apart for tests: their sublayers as a bench offers them, and records that hold what was measured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import timm
import torch
from builders import ATTENTION, MLP, Plan, records_of
from conftest import TINY
from torch import nn

from harness.collectors.base import Single
from harness.inventory import Inventory, inventory_of
from harness.records import Measurement, Record
from harness.stages.base import Bench
from harness.stages.singles import singles_of

WHOLE = {"macs": 7_000_000, "params": 400_000}
FACTS: dict[str, Any] = {
    f"blocks.{depth}.{part}": {"kind": kind, "depth": depth, "macs": macs, "params": params}
    for depth in range(8)
    for part, kind, macs, params in (("attn", "attention", ATTENTION, 16_640), ("mlp", "mlp", MLP, 33_088))
}


def inventory_of_tiny() -> Inventory:
    """That of the fixture `tiny_net`."""
    with torch.device("meta"):
        net: nn.Module = timm.create_model("deit_tiny_patch16_224", num_classes=10, in_chans=1, **TINY)
    return inventory_of(net.eval(), "deit_tiny_patch16_224", torch.empty(1, 1, 8, 8, device="meta"))


def bench(**changes: Any) -> Bench:
    """As much of a bench as sublayers are found with."""
    return cast("Bench", SimpleNamespace(**{"transforms": (), "inventory": inventory_of_tiny(), **changes}))


def singles(net: nn.Module) -> dict[str, Single]:
    """The sublayers of `tiny_net`."""
    return singles_of(bench(), net)


def timed(shares: dict[str, float], **changes: Any) -> Measurement:
    """Shares of the latency, each of eight pairs around it; the control is of a copy that lacks nothing."""
    jitter = [0.01 * step for step in (-3, -2, -1, 0, 0, 1, 2, 3)]
    details = {
        "whole": WHOLE,
        "sublayers": {name: FACTS[name] for name in shares},
        "ratios": {name: [round(1 - share + move, 6) for move in jitter] for name, share in shares.items()},
        "control_ratios": [round(1 + move, 6) for move in jitter],
        "noisy": [],
        "threads": 2,
    }
    update = changes.pop("details", {})
    plain: dict[str, Any] = {
        "metric": "sublayer_latency_share",
        "unit": "1",
        "better": "higher",
        "kind": "noisy",
        "at": {"batch": 1},
        "value": sum(shares.values()),
        "by_sublayer": shares,
        "details": {**details, **update},
    }
    return Measurement.model_validate({**plain, **changes})


def counted() -> tuple[Measurement, ...]:
    """MACs, parameters and activation bytes of every sublayer."""
    values = {
        "macs": {name: fact["macs"] for name, fact in FACTS.items()},
        "params": {name: fact["params"] for name, fact in FACTS.items()},
        "activation_bytes": {name: 30_464 if fact["kind"] == "attention" else 47_872 for name, fact in FACTS.items()},
    }
    details = {"whole": WHOLE, "sublayers": FACTS}
    return tuple(
        Measurement(
            metric=f"sublayer_{name}",
            unit="1",
            better="lower",
            kind="exact",
            value=WHOLE.get(name, 900_000),
            by_sublayer=by_sublayer,
            details=details,
        )
        for name, by_sublayer in values.items()
    )


def all_shares() -> dict[str, float]:
    """A share of every sublayer: attention more than its MACs promise."""
    return {name: 0.05 if fact["kind"] == "attention" else 0.04 + 0.002 * fact["depth"] for name, fact in FACTS.items()}


def with_sublayers(plan: Plan, *measurements: Measurement) -> tuple[Record, ...]:
    """The plan's records, the baselines' with these measurements."""
    return tuple(
        r.model_copy(update={"measurements": (*r.measurements, *measurements)}) if r.trial.is_baseline else r
        for r in records_of(plan)
    )
