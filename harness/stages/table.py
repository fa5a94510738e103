"""The outcome of every set of units of a model, made once and kept: what is best is known, not guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from itertools import accumulate, combinations
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

import harness
from harness.artifacts import Artifact
from harness.collectors.accuracy import label_ranks
from harness.datasets.base import PARTS
from harness.errors import Problem, SpecError
from harness.families.base import Unit
from harness.prefixes import Walker
from harness.schema import Json, Options, file_digest
from harness.stages.base import MICRO_BATCH, Bench, Network, built
from harness.stages.scoring import BEFORE, Units, shares_prefixes, units_of, within_memory, without_of
from harness.tabular import SPLITS, Outcomes, Table, table_fault
from harness.tasks.base import Batch, Task
from harness.tasks.classification import Classification

if TYPE_CHECKING:
    from torch import Tensor

REVISION = 1
FILE = "table.npz"
GROUP = 2**27  # bytes of inputs that are held at a time
VERSIONS = ("torch", "timm", "numpy")

Rows: TypeAlias = Mapping[frozenset[str], int]  # the row of every set, by the names of its units


def table(bench: Bench, prepared: Network, up_to: int | None = None) -> tuple[Table, Artifact, bool]:
    """Every set of at most `up_to` units (None: all sets) of the trial's target, in its form of removal, untrained."""
    units = units_of(bench, prepared)
    most = len(units) if up_to is None else min(up_to, len(units))
    _check(units, most)
    if bench.task.name != Classification.name:
        raise SpecError(f"a table holds accuracies, and the data is for {bench.task.name}")
    asked = _asked(bench, prepared, most)

    def make(folder: Path) -> str:
        found, _ = within_memory(lambda micro_batch: _tabulated(bench, prepared, units, most, micro_batch))
        found.save(folder / FILE)
        return file_digest(folder / FILE)[:16]

    artifact, reused = bench.obtain("table", asked, make)
    return Table.load(artifact.folder / FILE), artifact, reused


def optimum_of(held: Table, removed: Sequence[str]) -> dict[str, Json] | None:
    """How good a set is among all of its size, as a record keeps it; None where the table holds none so large.

    All values are accuracies on test; each best set was chosen on other items.
    """
    count = len(removed)
    if count > held.up_to:
        return None
    score, oracles = held.score(removed), held.oracles(count)
    first, second = oracles.halves
    return {
        "sets": comb(len(held.units), count),
        "mean": held.mean(count),
        "own": score.accuracy,
        "best_calibration": {"removed": list(oracles.calibration.removed), "value": oracles.calibration.value},
        "best_validation": {
            "removed": [list(first.removed), list(second.removed)],
            "value": oracles.validation,
            "cross_fitted": oracles.cross_fitted,
        },
        "gain": score.gain,
        "regret": score.regret,
        "percentile": score.percentile,
    }


def _check(units: Sequence[Unit], up_to: int) -> None:
    fault = table_fault(len(units), up_to)
    if fault:
        raise SpecError(Problem("optimum.up_to", fault))


def _asked(bench: Bench, prepared: Network, up_to: int) -> Options:
    parts = {split: bench.data.parts[split].info for split in SPLITS}
    return {
        "network": built(bench),
        "prepared": prepared.content,
        "target": bench.spec.target or "attention",
        "removal": bench.spec.removal,
        "up_to": up_to,
        "data": {split: {"sha256": part.sha256, "transform": part.transform} for split, part in parts.items()},
        "device": bench.device.partition(":")[0],
        "micro_batch": MICRO_BATCH,
        "revision": REVISION,
    }


def _tabulated(bench: Bench, prepared: Network, units: Units, up_to: int, micro_batch: int) -> Table:
    """MACs and parameters are those without transforms."""
    sets = [chosen for count in range(up_to + 1) for chosen in combinations(units, count)]
    saved = [bench.inventory.saved(s.name for unit in chosen for s in unit.sublayers) for chosen in sets]
    rows = {_names(chosen): row for row, chosen in enumerate(sets)}
    bits = {unit.name: 1 << place for place, unit in enumerate(units)}
    return Table(
        units=tuple(bits),
        masks=np.array([sum(map(bits.__getitem__, names)) for names in rows], dtype=np.uint32),
        macs=bench.inventory.macs - np.array([macs for _, macs in saved], dtype=np.int64),
        params=bench.inventory.params - np.array([params for params, _ in saved], dtype=np.int64),
        splits={split: _outcomes(bench, prepared, units, rows, split, micro_batch) for split in SPLITS},
        header=_header(bench, prepared, up_to, micro_batch),
    )


def _names(chosen: Sequence[Unit]) -> frozenset[str]:
    return frozenset(unit.name for unit in chosen)


def _header(bench: Bench, prepared: Network, up_to: int, micro_batch: int) -> Options:
    spec = bench.spec
    return {
        "architecture": spec.architecture,
        "options": {**spec.options, **bench.task_options},
        "weights": spec.weights,
        "model_seed": spec.model_seed,
        "content": prepared.content,
        "target": spec.target or "attention",
        "removal": spec.removal,
        "up_to": up_to,
        "transforms": [plugin.identity() for stage, plugin in bench.transforms if stage in BEFORE],
        "dataset": spec.data,
        "data": {name: bench.data.parts[name].info.model_dump(mode="json") for name in PARTS},
        "micro_batch": micro_batch,
        "device": bench.device.partition(":")[0],
        "versions": {name: version(name) for name in VERSIONS},
        "harness": harness.__version__,
    }


def _outcomes(bench: Bench, prepared: Network, units: Units, rows: Rows, split: str, micro_batch: int) -> Outcomes:
    net, task, without, share = prepared.net, bench.task, without_of(bench, prepared), shares_prefixes(bench)
    gathered, most = _Gathered(task, rows, len(bench.data.parts[split])), max(map(len, rows))

    def run(batch: Batch) -> Tensor:
        return task.forward(net, batch)

    for batches in _groups(bench, split, micro_batch):
        gathered.begin(batches)
        Walker(net, run, without, batches, units, share=share).every(most, gathered.seen)
    return gathered.outcomes()


def _groups(bench: Bench, split: str, micro_batch: int) -> Iterator[tuple[Batch, ...]]:
    """Batches on the device, as many at a time as are cheap to hold."""
    group: list[Batch] = []
    for number, batch in enumerate(bench.data.parts[split].batches(micro_batch)):
        group.append(batch.to(bench.device))
        if len(group) * batch.inputs.nbytes >= GROUP:
            bench.progress("table", f"{split}, batch {number + 1}")
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


class _Gathered:
    """What every set gets right, and its loss, batch by batch."""

    def __init__(self, task: Task, rows: Rows, items: int) -> None:
        self.task, self.rows, self.items = task, rows, items
        self.batches: tuple[Batch, ...] = ()
        self.places: tuple[slice, ...] = ()
        self.stop = 0
        self.hits: npt.NDArray[np.bool_] = np.zeros((len(rows), items), dtype=bool)
        self.loss = np.zeros(len(rows))
        self.visits = np.zeros(len(rows), dtype=np.int64)

    def begin(self, batches: tuple[Batch, ...]) -> None:
        """Every set is about to see these batches, which follow those before."""
        ends = [self.stop, *(self.stop + end for end in accumulate(map(len, batches)))]
        self.batches, self.places, self.stop = batches, tuple(map(slice, ends, ends[1:])), ends[-1]

    def seen(self, gone: Sequence[Unit], index: int, outputs: Tensor) -> None:
        """The outputs of the network without `gone` for one of the present batches."""
        if bool(outputs.isnan().any()):
            raise ArithmeticError(f"the network without {len(gone)} units gives NaN, so its accuracy means nothing")
        row, batch = self.rows[_names(gone)], self.batches[index]
        self.hits[row, self.places[index]] = (label_ranks(outputs, batch.targets) < 1).cpu().numpy()
        self.loss[row] += float(self.task.loss(outputs, batch)) * len(batch)
        self.visits[row] += len(batch)

    def outcomes(self) -> Outcomes:
        """All of a split; every set has seen every item once, or there is a fault."""
        if not bool((self.visits == self.items).all()):
            raise RuntimeError("a set has not seen every item")
        return Outcomes(self.items, np.packbits(self.hits, axis=1), self.loss / max(self.items, 1))
