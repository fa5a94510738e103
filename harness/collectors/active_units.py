"""Counts which hidden units of MLPs fire, while a network runs; and sums the counts up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.collectors.guard import CollectorFault
from harness.hidden import Hidden
from harness.schema import Json
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.collectors.sparse_macs import DenseMacs

QUANTILES = (0.01, 0.1, 0.5)
SELDOM, SOMETIMES = 0.1, 0.01  # shares of tokens: what the paper tells of the units of its first layer


@dataclass(frozen=True)
class Fired:
    """Of one MLP in one pass, on the device: how often each unit fired (width,), and how many fired on each token.

    `fired` is (tokens,) with padding left out by `is_real`; `is_broken` says that there was a NaN.
    """

    units: Tensor
    fired: Tensor
    is_real: Tensor | None
    is_broken: Tensor


@dataclass
class Seen:
    """What one pass of a batch showed, by MLP; a unit that is looked at twice in a pass was seen twice."""

    mlps: Sequence[Hidden]
    macs: DenseMacs | None
    fired: dict[str, list[Fired]] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class UnitProbe:
    """Looks at what the activations of MLPs give out, and keeps counts of it alone.

    A unit fires where it is above zero or, with a `threshold`, where its magnitude is above that.
    """

    net: nn.Module
    mlps: tuple[Hidden, ...]
    threshold: float | None
    macs: DenseMacs | None = None

    @contextmanager
    def watching(self, batch: Batch) -> Iterator[Seen]:
        """Fills what it gives while the network runs."""
        seen = Seen(self.mlps, self.macs)
        with ExitStack() as stack:
            for one in self.mlps:
                hook = partial(self._look, one, batch, seen)
                stack.enter_context(self.net.get_submodule(one.path).register_forward_hook(hook))
            yield seen

    def _look(self, one: Hidden, batch: Batch, seen: Seen, _: nn.Module, __: tuple[Any, ...], given: Tensor) -> None:
        rows = given.movedim(one.axis, -1).flatten(0, -2)
        mask = batch.mask
        seen.fault = seen.fault or _fault(one, rows, mask)
        if seen.fault:
            return
        is_real = None if mask is None else mask.flatten().to(rows.device)
        fires = rows > 0 if self.threshold is None else rows.abs() > self.threshold
        fires = fires if is_real is None else fires & is_real[:, None]
        found = Fired(fires.sum(dim=0), fires.sum(dim=1), is_real, rows.isnan().any())
        seen.fired.setdefault(one.mlp, []).append(found)


def _fault(one: Hidden, rows: Tensor, mask: Tensor | None) -> str:
    if rows.shape[1] != one.width:
        return f"{one.mlp} gives out {rows.shape[1]} hidden units where {one.width} are read"
    if mask is not None and mask.numel() != len(rows):
        return f"{one.mlp} sees {len(rows)} tokens of {mask.numel()}: which of them are padding is not known"
    return ""


@dataclass
class Units:
    """All that was counted of the hidden units of one MLP: int64, so the same in any order and any batches."""

    units: NDArray[np.int64]
    tokens: int = 0
    least: int | None = None
    most: int = 0

    @classmethod
    def of(cls, width: int) -> Units:
        """None yet."""
        return cls(np.zeros(width, dtype=np.int64))

    def add(self, found: Fired, split: str) -> None:
        """Raises ArithmeticError for NaN, which is above nothing and would look idle."""
        if bool(found.is_broken):
            raise ArithmeticError(f"hidden units on split {split!r} hold NaN; the network's arithmetic broke down")
        fired = found.fired if found.is_real is None else found.fired[found.is_real]
        self.units += found.units.cpu().numpy()
        self.tokens += len(fired)
        if len(fired):
            low, high = int(fired.min()), int(fired.max())
            self.least, self.most = low if self.least is None else min(low, self.least), max(high, self.most)

    @property
    def active(self) -> int:
        """How often any unit fired."""
        return int(self.units.sum())

    @property
    def share(self) -> float:
        """Of all units on all tokens, those that fired."""
        return self.active / (self.tokens * len(self.units))

    def details(self) -> dict[str, Json]:
        """Counts, units per token, and the shares of tokens on which single units fire, as quantiles over units."""
        rates = self.units / self.tokens
        return {
            "share": self.share,
            "units": len(self.units),
            "tokens": self.tokens,
            "active": self.active,
            "least_per_token": self.least,
            "most_per_token": self.most,
            "unit_rates": {
                "min": float(rates.min()),
                **{f"{q:.0%}": float(np.quantile(rates, q)) for q in QUANTILES},
                "max": float(rates.max()),
            },
            "units_seldom_active": float((rates < SELDOM).mean()),
            "units_sometimes_active": float((rates > SOMETIMES).mean()),
            "units_never_active": int((self.units == 0).sum()),
        }


def added(held: dict[str, Units], seen: Seen, split: str) -> None:
    """Adds what a pass showed; raises CollectorFault where it could not be told apart."""
    if seen.fault:
        raise CollectorFault(seen.fault)
    for one in seen.mlps:
        for found in seen.fired.get(one.mlp, ()):
            held.setdefault(one.mlp, Units.of(one.width)).add(found, split)


def mean_share(held: Mapping[str, Units]) -> float:
    """The mean over MLPs, each counted once whatever its width."""
    return float(np.mean([one.share for one in held.values()]))
