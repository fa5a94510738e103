"""A set of units that grows by one at a time: what its blocks give out serves every candidate for the next place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.families.base import Unit
from harness.prefixes.course import Course, Give, Passage, Stretch
from harness.prefixes.rail import Rail, Record, Tape
from harness.prefixes.survey import mapped, tensors


class Growing:
    """Keeps, for the set chosen so far, what every block gives out; a candidate reruns blocks from its own on.

    Outputs lie in buffers that are filled anew: three for each batch and each block but the last (of the chosen set,
    of the best candidate, of the present one).
    """

    def __init__(
        self, course: Course, rail: Rail | None, device: str | None = None, first: tuple[Tape, Tensor] | None = None
    ) -> None:
        self.chosen: tuple[Unit, ...] = ()
        self._course, self._rail, self._device = course, rail, device
        length = rail.starts[-1] if rail else 0
        self._chosen, self._best, self._present = (_buffers(len(course.batches), length) for _ in range(3))
        self._kept: Unit | None = None
        if rail:
            rail.is_elsewhere = device is not None
        self.untouched = self._begun(first)

    def extensions(
        self,
        candidates: Iterable[Unit],
        seen: Callable[[tuple[Unit, ...], int, Tensor], None],
        is_best: Callable[[Unit], bool] | None = None,
    ) -> None:
        """Runs the chosen set with each candidate; `seen` gets the units with the candidate last.

        `is_best`, asked after the last batch of a candidate, says whether it is the one to accept of those so far: then
        what its blocks give out is kept, and `accept` needs no further pass.
        """
        for unit in candidates:
            self._extend(unit, partial(seen, (*self.chosen, unit)), keeps=is_best is not None)
            if is_best is not None and is_best(unit):
                self._best, self._present, self._kept = self._present, self._best, unit

    def accept(self, unit: Unit) -> None:
        """Makes a candidate part of the set."""
        if self._rail is not None:
            if self._kept is not unit:
                self._extend(unit, None, keeps=True)
                self._best, self._present = self._present, self._best
            start = self._rail.starts[self._rail.block_of(unit)]
            for tape, other in zip(self._chosen, self._best, strict=True):
                tape[start:], other[start:] = other[start:], tape[start:]
        self._kept = None
        self.chosen = (*self.chosen, unit)

    def _begun(self, first: tuple[Tape, Tensor] | None) -> tuple[Tensor, ...]:
        """Runs the whole network where its first batch has not been; fills the buffers of the chosen set."""
        reads: list[Tensor] = []
        if self._rail is None:
            self._course.whole((), lambda _, read: reads.append(read))
            return tuple(reads)
        if first is not None:
            reads.append(first[1])
            for at, output in enumerate(first[0]):
                self._into(self._chosen[0])(at, output)
        left = [Passage(at, [], self._into(self._chosen[at])) for at in range(len(reads), len(self._chosen))]
        with torch.inference_mode(), self._rail.opened():
            part = Stretch(0, self._rail.length, ())
            self._course.run(self._rail, part, left, lambda _, read: reads.append(read))
        return tuple(reads)

    def _extend(self, unit: Unit, give: Give | None, *, keeps: bool) -> None:
        rail = self._rail
        if rail is None:
            self._course.whole((*self.chosen, unit), give or _nothing)
            return
        start = rail.block_of(unit)
        gone = tuple(one for one in (*self.chosen, unit) if rail.block_of(one) >= start)
        passages = [
            Passage(index, tape, self._into(self._present[index]) if keeps else None)
            for index, tape in enumerate(self._chosen)
        ]
        with torch.inference_mode(), rail.opened(), rail.replaying(0, start):
            self._course.run(rail, Stretch(start, rail.length, gone), passages, give)

    def _into(self, buffers: Tape) -> Record:
        def record(at: int, output: Any) -> None:
            buffers[at] = _copied(output, buffers[at], self._device)

        return record


def _buffers(batches: int, length: int) -> list[Tape]:
    """By batch a place for every output that is kept."""
    return [[None] * length for _ in range(batches)]


def _nothing(_: int, __: Tensor) -> None:
    """Nobody asks what was read."""


def _copied(output: Any, buffer: Any, device: str | None) -> Any:
    """The output in the memory of the buffer where it fits there, else in new memory of the same layout."""
    held = iter(tensors(buffer))

    def copy(tensor: Tensor) -> Tensor:
        there = next(held, None)
        fits = there is not None and (there.shape, there.stride()) == (tensor.shape, tensor.stride())
        if there is None or not fits or there.dtype != tensor.dtype:
            there = _room(tensor, device or str(tensor.device))
        return there.copy_(tensor)

    return mapped(output, copy)


def _room(tensor: Tensor, device: str) -> Tensor:
    # A kernel may round differently for another layout, so it is kept; axes that share memory cannot be.
    if 0 in tensor.stride():
        return torch.empty_like(tensor, device=device, memory_format=torch.contiguous_format)
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)
