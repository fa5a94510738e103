"""A network on one device, or copies of it on several that batches are dealt to in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from harness import numerics
from harness.runtimes import Runtime
from harness.tasks.base import Batch, Task

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")
Around: TypeAlias = "Callable[[Any, nn.Module, Batch], AbstractContextManager[None]]"  # the first came with the batch


def _bare(_: object, __: nn.Module, ___: Batch) -> AbstractContextManager[None]:
    return nullcontext()


class Replicas:
    """Runs batches in a runtime; every item once, on one of the devices, none padded and none twice.

    What goes on `around` the pass of a batch is told the network that it is a pass of.
    """

    def __init__(
        self, net: nn.Module, devices: Sequence[str], task: Task, runtime: Runtime, around: Around = _bare
    ) -> None:
        cast = numerics.cast(net, runtime)
        self._devices = tuple(devices)
        self._nets = (cast, *(deepcopy(cast).to(device) for device in self._devices[1:]))
        self._task = task
        self._runtime = runtime
        self._around = around

    def outputs(self, batches: Iterable[tuple[T, Batch]]) -> Iterator[tuple[T, Batch, Tensor]]:
        """Each batch with what came with it and its outputs in fp32, in order and on the first device.

        As many batches are under way as there are devices: a GPU starts and does not wait.
        """
        source = iter(batches)
        while group := list(islice(source, len(self._nets))):
            under_way = [
                self._run(net, told, batch.to(device))
                for net, device, (told, batch) in zip(self._nets, self._devices, group, strict=False)
            ]
            for told, batch, outputs in under_way:
                yield told, batch.to(self._devices[0]), outputs.to(self._devices[0]).float()

    def _run(self, net: nn.Module, told: T, batch: Batch) -> tuple[T, Batch, Tensor]:
        with self._around(told, net, batch):
            return told, batch, self._task.forward(net, numerics.cast_batch(batch, self._runtime))
