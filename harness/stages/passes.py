"""The passes over the splits that outcome collectors share: every item once for each way of showing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from harness import numerics
from harness.collectors.base import OutcomeCollector, Probe, Tally, View
from harness.collectors.guard import guarded
from harness.datasets.base import Part
from harness.records import Measurement, Outcome
from harness.runtimes import Runtime
from harness.schema import Options, canonical, digest
from harness.stages.base import MICRO_BATCH, Bench
from harness.stages.measured import Measured
from harness.stages.replicas import Replicas
from harness.tasks.base import Batch, InputConfig, Task

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T", Measurement, Outcome)
Finished: TypeAlias = tuple[tuple[Measurement, ...], tuple[Outcome, ...]]
Found: TypeAlias = Measured | str  # what a collector saw, or why it could not


def called(collector: OutcomeCollector) -> str:
    """What tells a collector from others, also from itself with other options."""
    return digest(collector.identity())


def splits_of(bench: Bench, collector: OutcomeCollector) -> tuple[str, ...]:
    """The splits that a collector reads of this data."""
    sets = bench.data.description.test_sets if collector.reads_test_sets else ()
    return (*collector.splits, *(f"test:{name}" for name in sets))


def run_passes(
    bench: Bench, net: nn.Module, collectors: Sequence[OutcomeCollector], runtime: Runtime
) -> dict[str, Found]:
    """What each collector found on its splits with the network in this runtime, by `called`."""
    import torch

    counts = [_Count(collector, bench.task) for collector in collectors]
    with torch.inference_mode(), numerics.in_force(runtime, bench.device):
        replicas = Replicas(net, bench.devices, bench.task, runtime, _watched)
        for split in dict.fromkeys(split for one in counts for split in splits_of(bench, one.collector)):
            own = [one for one in counts if one.fault is None and split in splits_of(bench, one.collector)]
            _one_split(bench, replicas, split, own)
    return {called(one.collector): one.result(runtime.of_outcomes()) for one in counts}


class _Count:
    """One collector's tallies of all splits, until one of them raises."""

    def __init__(self, collector: OutcomeCollector, task: Task) -> None:
        self.collector = collector
        self.fault: str | None = None
        self._task = task
        self._done: list[tuple[Options, Tally]] = []
        self._probes: dict[int, Probe | None] = {}  # by the network that each looks into

    def probe(self, net: nn.Module) -> Probe | None:
        """What looks into a network for the collector; None where nothing does, or where the collector failed."""
        if id(net) not in self._probes and self.fault is None:
            made = guarded(lambda: self.collector.probe(net, self._task))
            self.fault = made if isinstance(made, str) else None
            self._probes[id(net)] = None if isinstance(made, str) else made
        return self._probes.get(id(net)) if self.fault is None else None

    def begin(self, bench: Bench, split: str, order: str) -> list[tuple[View, Tally]]:
        """A tally of a split for each way of showing it; none where the collector fails."""
        begun = guarded(
            lambda: [(view, self.collector.tally(split, bench.task, order)) for view in self.collector.views()]
        )
        if isinstance(begun, str):
            self.fault = begun
            return []
        self._done += [(view.at, tally) for view, tally in begun]
        return begun

    def _finish(self) -> list[tuple[Options, Finished]]:
        return [(view, tally.finish()) for view, tally in self._done]

    def result(self, at: Options) -> Found:
        """Everything found, told apart by view and runtime."""
        finished = guarded(self._finish) if self.fault is None else self.fault
        if isinstance(finished, str):
            return finished
        return Measured(
            measurements=tuple(_told(m, view, at) for view, (found, _) in finished for m in found),
            outcomes=tuple(_told(o, view, at) for view, (_, found) in finished for o in found),
        )


def _told(one: T, *conditions: Options) -> T:
    extra = {key: value for at in conditions for key, value in at.items()}
    return one.model_copy(update={"at": {**one.at, **extra}}) if extra else one


@dataclass
class _Showing:
    """One way of showing the items of a split, and whoever looks on."""

    view: View
    watchers: list[tuple[_Count, Tally]]


@dataclass
class _Turn:
    """One batch in one way of showing it, and what probes saw of its pass."""

    showing: _Showing
    seen: dict[_Count, object] = field(default_factory=dict)


@contextmanager
def _watched(turn: _Turn, net: nn.Module, batch: Batch) -> Iterator[None]:
    with ExitStack() as stack:
        for count, _ in turn.showing.watchers:
            probe = count.probe(net)
            if probe is not None:
                turn.seen[count] = stack.enter_context(probe.watching(batch))
        yield


def _one_split(bench: Bench, replicas: Replicas, split: str, counts: Sequence[_Count]) -> None:
    part = bench.data.parts[split]
    config = part.fed_as(bench.config)
    showings: dict[str, _Showing] = {}
    for count in counts:
        for view, tally in count.begin(bench, split, part.info.sha256):
            showings.setdefault(canonical(view.at), _Showing(view, [])).watchers.append((count, tally))
    for turn, batch, outputs in replicas.outputs(_shown(part, tuple(showings.values()), config)):
        # Of a part with fewer classes than the network, the outputs of its classes.
        own = outputs if part.outputs is None else outputs[:, list(part.outputs)]
        for count, tally in turn.showing.watchers:
            _show(count, tally, turn.seen.get(count, own), batch)


def _shown(part: Part, showings: Sequence[_Showing], config: InputConfig) -> Iterator[tuple[_Turn, Batch]]:
    """Every batch, decoded once, in each way of showing it."""
    first = 0
    for batch in part.batches(part.at_once(MICRO_BATCH)):
        for showing in showings:
            shown = guarded(partial(showing.view, batch, first, config))
            if isinstance(shown, str):
                for count, _ in showing.watchers:
                    count.fault = count.fault or shown
                continue
            yield _Turn(showing), shown
        first += len(batch)


def _show(count: _Count, tally: Tally, outputs: object, batch: Batch) -> None:
    if count.fault is None:
        fault = guarded(lambda: tally.update(outputs, batch))
        count.fault = fault if isinstance(fault, str) else None
