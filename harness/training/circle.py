"""The processes that train one network together: each takes its share of every batch, and all have the same weights."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, nn

from harness.device import is_gpu, resolve
from harness.errors import DeviceError
from harness.failures import classified
from harness.tasks.base import Batch
from harness.training.declared import adds_losses, shares_out
from harness.training.halting import Abandoned

PATIENCE_S = 600.0  # for another process to start, or to come to the same step
OVER_A_BATCH = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@dataclass(frozen=True)
class Share:
    """What one process does of a batch: its own items, their weight in the batch's mean, and the predictions of all."""

    batch: Batch
    weight: float
    scored: int


@dataclass(frozen=True)
class Circle:
    """One of `size` processes; alone, nothing is shared, sent or summed, and every bit is that of the plain loop."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def is_alone(self) -> bool:
        """Whether one process trains."""
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that reads and writes."""
        return self.rank == 0

    def share(self, batch: Batch, scored: Callable[[Batch], int] = len) -> Share:
        """Of n items this process has those from floor(n rank / size) on; one of no weight where there are too few.

        `scored` counts the predictions of a batch, over which its loss is the mean.
        """
        items, whole = len(batch), scored(batch)
        if self.is_alone:
            return Share(batch, 1.0, whole)
        first, end = (items * rank // self.size for rank in (self.rank, self.rank + 1))
        # Who has no item passes one through all the same: every process must have the same gradients to sum.
        own = slice(first, end) if end > first else slice(0, 1)
        share = batch.at(own)
        return Share(share, scored(share) / whole if end > first else 0.0, whole)

    def check(self, net: nn.Module) -> None:
        """Raises DeviceError for a network that would learn something else from shares than from whole batches."""
        found = [name for name, module in net.named_modules() if isinstance(module, OVER_A_BATCH)]
        if adds_losses(net) and not self.is_alone:
            raise DeviceError(
                f"{type(net).__name__} adds losses of its own over the whole batch, and {self.size} processes have a "
                "share of it each; train this network with one process"
            )
        if shares_out(net) and not self.is_alone:
            raise DeviceError(
                f"what {type(net).__name__} makes of an item in training hangs on all others of the batch, and "
                f"{self.size} processes have a share of it each; train this network with one process"
            )
        if found and not self.is_alone:
            raise DeviceError(
                f"batch normalisation ({found[0]}) takes its statistics over the whole batch, and {self.size} "
                "processes have a share of it each; train this network with one process"
            )

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Adds up over all processes, in place, in float32 and in one message."""
        if self.is_alone:
            return
        from accelerate.utils.operations import reduce

        flat = torch.cat([tensor.flatten() for tensor in tensors])
        with _together():
            flat = reduce(flat, "sum")
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        torch._foreach_copy_(list(tensors), [p.view_as(t) for p, t in zip(parts, tensors, strict=True)])

    def told(self, text: str) -> str:
        """The leader's text, for all."""
        if self.is_alone:
            return text
        content = torch.tensor(list(text.encode()), dtype=torch.uint8, device=self.device)
        length = self._sent(torch.tensor([len(content)], device=self.device))
        if not self.leads:
            content = torch.zeros(int(length), dtype=torch.uint8, device=self.device)
        return bytes(self._sent(content).tolist()).decode()

    def given(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The leader's tensors, for all; the others' own are not asked for."""
        if self.is_alone:
            return dict(tensors)
        kinds = [(name, str(tensor.dtype).removeprefix("torch."), [*tensor.shape]) for name, tensor in tensors.items()]
        found = {}
        for name, kind, shape in json.loads(self.told(json.dumps(kinds))):
            mine = tensors[name] if self.leads else torch.zeros(shape, dtype=getattr(torch, kind))
            found[name] = self._sent(mine.detach().to(self.device).contiguous())
        return found

    def _sent(self, tensor: Tensor) -> Tensor:
        from accelerate.utils.operations import broadcast

        with _together():
            sent: Tensor = broadcast(tensor)
        return sent


ALONE = Circle()


def device_of(name: str, local: int) -> str:
    """The device of the process that is number `local` on its machine, where the first has the one that is named.

    Where a process is shown no more GPUs than its own, they are all called `cuda:0`.
    """
    first = resolve(name)
    if not is_gpu(first) or not local:
        return first
    number = int(first.partition(":")[2]) + local
    return f"cuda:{number}" if number < torch.cuda.device_count() else first


def joined(rank: int, size: int, local: int, place: tuple[str, int], device: str) -> Circle:
    """This process among the others that come to `place`, a host and a port; a process does this once in its life.

    They speak by nccl between GPUs and by gloo between CPUs. Raises Abandoned when not all come in time.
    """
    from accelerate.state import PartialState

    host, port = place
    number = torch.device(device).index or 0 if is_gpu(device) else local
    told = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": number, "MASTER_ADDR": host, "MASTER_PORT": port}
    # Unset, accelerate would take all cores; a training sets its threads itself.
    with _variables({**told, "OMP_NUM_THREADS": torch.get_num_threads()}), _together():
        backend = "nccl" if is_gpu(device) else "gloo"
        PartialState(cpu=not is_gpu(device), backend=backend, timeout=timedelta(seconds=PATIENCE_S))
    return Circle(rank, size, device)


@contextmanager
def _variables(told: Mapping[str, object]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update({name: str(value) for name, value in told.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _together() -> Iterator[None]:
    """Speaking to the others fails when one of them is gone: torch then raises a RuntimeError of some kind."""
    try:
        yield
    except RuntimeError as error:
        if classified(error).startswith("oom"):
            raise
        raise Abandoned(f"another process of the training is gone: {error}") from error
