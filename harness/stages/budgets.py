"""Which set of a selection saves the share of a cost that was asked for."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from harness.collectors.base import CostCollector, collectors
from harness.errors import SpecError
from harness.families.base import Unit
from harness.schema import digest
from harness.searches.base import Selection
from harness.stages.base import Bench, Network, Removed, transformed
from harness.stages.cost import cost
from harness.surgery import remove
from harness.watch import Quality

LATER = ("recover", "evaluate", "cost")  # stages whose transforms a network that is selected from lacks


@dataclass(frozen=True)
class Saving:
    """The share of a cost that a set saves, and how far that can be trusted."""

    share: float
    quality: Quality = "ok"


def count_for(bench: Bench, prepared: Network, selection: Selection, units: tuple[Unit, ...]) -> tuple[int, Saving]:
    """The count whose set saves nearest to the budget, the smaller of two; and what it saves.

    MACs and parameters are those of the inventory. Latency is measured here in the trial's runtime, set by set, beside
    the whole network. Raises SpecError where even the largest set saves less than half of what was asked.
    """
    ((name, share),) = (bench.spec.budget or {}).items()
    wanted = float(str(share))
    saved = _saved(bench, prepared, selection, {unit.name: unit for unit in units}, name)
    count = min(saved, key=lambda n: (abs(saved[n].share - wanted), n))
    if saved[count].share < wanted / 2:
        most = max(saving.share for saving in saved.values())
        raise SpecError(f"budget {name} {wanted:.0%}: the largest set that was selected saves {most:.1%}")
    return count, saved[count]


def _saved(
    bench: Bench, prepared: Network, selection: Selection, units: Mapping[str, Unit], name: str
) -> dict[int, Saving]:
    gone = {n: Removed(tuple(s for u in names for s in units[u].sublayers)) for n, names in selection.sets.items()}
    if name == "latency":
        return {count: _saved_latency(bench, prepared, one) for count, one in gone.items()}
    return {count: Saving(bench.inventory.saved_share(one.names, name)) for count, one in gone.items()}


def _saved_latency(bench: Bench, prepared: Network, gone: Removed) -> Saving:
    latency = collectors.create({"name": "latency"})
    if not isinstance(latency, CostCollector):
        raise SpecError("budgets.latency: the collector 'latency' measures no cost")
    candidate = remove(prepared.net, gone.sublayers, bench.spec.removal).eval()
    content = digest([prepared.content, list(gone.names)], 16)
    # The rest of the chain, as the cost stage has it: the artifact is shared with it.
    own = transformed(bench, Network(candidate, content), *LATER)
    whole = transformed(bench, prepared, *LATER)
    (found, *_), _ = cost(bench, own, whole.net, gone, [latency])
    if found.value is None:
        raise SpecError(f"budgets.latency: no latency could be measured: {found.reason}")
    ratios = [own / base for own, base in zip(found.samples, found.baseline_samples, strict=True)]
    return Saving(1 - statistics.median(ratios), found.quality)
