"""What a criterion is given: the network, its units, calibration items in micro-batches, and a way to remove."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from harness.criteria.base import Criterion, Scoring
from harness.families.base import Unit, units
from harness.families.catalogue import family_of
from harness.schema import digest
from harness.stages.base import MICRO_BATCH, Bench, Network
from harness.surgery import removed
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")
Units: TypeAlias = tuple[Unit, ...]

BEFORE = ("prepare", "select")  # stages whose transforms a selection and a table see


def units_of(bench: Bench, prepared: Network) -> Units:
    """What the trial's target can remove, in order of depth."""
    return units(family_of(prepared.net).sublayers(prepared.net), bench.spec.target or "attention")


def seed_of(bench: Bench) -> int:
    """Draw d uses a seed derived from (selection seed, d)."""
    return int(digest([bench.spec.selection_seed, bench.spec.draw], 8), 16)


def scoring_of(bench: Bench, prepared: Network, criterion: Criterion, micro_batch: int = MICRO_BATCH) -> Scoring:
    """The scoring of a trial; without batches where the criterion looks at no items."""
    return Scoring(
        net=prepared.net,
        task=bench.task,
        units=units_of(bench, prepared),
        batches=_calibration(bench, criterion, micro_batch) if criterion.needs_calibration else (),
        without=without_of(bench, prepared),
        removal=bench.spec.removal,
        seed=seed_of(bench),
        shares_prefixes=shares_prefixes(bench),
    )


def without_of(bench: Bench, prepared: Network) -> Callable[[Units], AbstractContextManager[None]]:
    """A context, for each set of units, in which the network runs without them in the trial's form of removal."""
    return lambda gone: removed(prepared.net, tuple(s for unit in gone for s in unit.sublayers), bench.spec.removal)


def shares_prefixes(bench: Bench) -> bool:
    """Whether sets may share passes of the network that a selection sees."""
    return all(plugin.shares_prefixes for stage, plugin in bench.transforms if stage in BEFORE)


def _calibration(bench: Bench, criterion: Criterion, micro_batch: int) -> tuple[Batch, ...]:
    """The first items that the criterion asks for, and of them those that it chooses."""
    part = bench.data.parts["calibration"]
    left = criterion.calibration_items or len(part)
    found: list[Batch] = []
    for batch in part.batches(part.at_once(micro_batch)):
        if left > 0:
            found.append(batch.at(slice(left)).to(bench.device))
        left -= len(batch)
    return criterion.chosen(tuple(found))


def within_memory(work: Callable[[int], T]) -> tuple[T, int]:
    """What `work(micro_batch)` gives, and the micro-batch that fitted: halved for as long as a GPU has no room."""
    import torch

    micro_batch = MICRO_BATCH
    while True:
        try:
            return work(micro_batch), micro_batch
        except torch.OutOfMemoryError:
            if micro_batch == 1:
                raise
            micro_batch //= 2
        torch.cuda.empty_cache()


class Passes:
    """How often items went through the blocks, so that shared work is counted as it is done."""

    def __init__(self, net: nn.Module) -> None:
        blocks = dict.fromkeys(sublayer.block for sublayer in family_of(net).sublayers(net))
        self._blocks = [net.get_submodule(path) for path in blocks]
        self._items = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Within it every block counts the items that enter it."""
        hooks = [block.register_forward_pre_hook(self._count) for block in self._blocks]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _count(self, _block: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._items += int(inputs[0].shape[0]) if inputs else 0

    def over(self, items: int) -> float:
        """Forward passes of the whole network over so many items that the work done amounts to."""
        return self._items / (len(self._blocks) * items) if items else 0.0
