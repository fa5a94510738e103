"""What is read of a network without each of many sets of units, common beginnings of passes being run once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeAlias

import torch
from torch import Tensor, nn

from harness.families.base import Unit
from harness.prefixes.course import Course, Passage, Run, Stretch, Units, Without
from harness.prefixes.growing import Growing
from harness.prefixes.rail import Rail, Record, Tape
from harness.prefixes.trees import Listed, Node, Subsets
from harness.tasks.base import Batch

Seen: TypeAlias = Callable[[Units, int, Tensor], None]

MEMORY = 2**28  # bytes of outputs kept at a time, on a walk with several batches


@dataclass(eq=False)
class Walker:
    """Runs sets of units through shared prefixes; what it gives equals running each set alone, bit by bit on a CPU.

    `run(batch)` reads the network as it stands: its outputs, what blocks give out, or what comes after them, never
    what lies within a block. `without(units)` is a context in which the network runs without them. `seen(units, index,
    read)` is called for every set and batch, the batches of a set in their order; it must not run the network.

    Nothing is known of the family but its chain of blocks. Where there is no chain, or where a trial on the first batch
    shows that replaying does not give the same, every set is run by itself, and `why_alone` says why.

    `class_token_only` computes the last block for the class token alone where a plain vision transformer reads nothing
    else of it; what is read then differs by rounding (1e-5), and a `run` that reads more is refused with a SpecError.
    `device` is where a growing set keeps outputs: None for beside the network, `cpu` to spare the memory of a GPU.
    `memory` bounds the outputs that `each` and `every` keep, in bytes, but for those of one batch at a time.
    `share=False` runs each set by itself.
    """

    net: nn.Module
    run: Run
    without: Without
    batches: Sequence[Batch]
    units: Sequence[Unit]
    class_token_only: bool = field(default=False, kw_only=True)
    device: str | None = field(default=None, kw_only=True)
    memory: int = field(default=MEMORY, kw_only=True)
    share: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        self._course = Course(self.net, self.run, self.without, self.batches, self.units)
        self._rail: Rail | None = None
        self._first: tuple[Tape, Tensor] | None = None
        self._untouched: tuple[Tensor, ...] | None = None
        self._is_cut = not self.share
        if not self.share:
            self._course.why_alone = "each set was asked to run by itself"

    @property
    def block_evaluations(self) -> float:
        """Blocks that were run so far, each over all items; a block that was removed as a whole is none."""
        return self._course.block_evaluations

    @property
    def why_alone(self) -> str:
        """Why every set is run by itself; empty where prefixes are shared."""
        return self._course.why_alone if self._cut() is None else ""

    def untouched(self) -> tuple[Tensor, ...]:
        """What is read of the whole network, batch by batch; run once."""
        if self._untouched is None:
            rail, reads = self._cut(), [] if self._first is None else [self._first[1]]
            if rail is None:
                self._course.whole((), lambda _, read: reads.append(read))
            else:
                left = [Passage(index, []) for index in range(len(reads), len(self._course.batches))]
                with torch.inference_mode(), rail.opened():
                    self._course.run(rail, Stretch(0, rail.length, ()), left, lambda _, read: reads.append(read))
            self._untouched = tuple(reads)
        return self._untouched

    def each(self, sets: Iterable[Units], seen: Seen) -> None:
        """Runs given sets along the tree of what they have in common; a set given twice is seen twice."""
        given, rail = tuple(sets), self._cut()
        if rail is None:
            self._one_by_one(given, seen)
        elif given:
            self._walk(rail, Listed(given, rail.block_of), seen)

    def every(self, up_to: int | None, seen: Seen, smallest: int = 0) -> None:
        """Runs all sets of `smallest` to `up_to` units (None: all) depth first; a set's units are in order of depth."""
        units, rail = self._course.units, self._cut()
        most = len(units) if up_to is None else min(up_to, len(units))
        if smallest > most:
            return
        if rail is None:
            sizes = range(smallest, most + 1)
            self._one_by_one((gone for size in sizes for gone in combinations(units, size)), seen)
            return
        owned = tuple(tuple(u for u in units if rail.block_of(u) == depth) for depth in range(rail.length))
        self._walk(rail, Subsets(owned, smallest, most), seen)

    def growing(self) -> Growing:
        """A set that grows from nothing; runs the whole network over all batches, and so `untouched` is known."""
        rail = self._cut()
        if rail is None:
            return Growing(self._course, None)
        found = Growing(self._course, rail, self.device, self._first)
        self._untouched, self._first = found.untouched, None
        return found

    def _cut(self) -> Rail | None:
        if not self._is_cut:
            self._is_cut = True
            cut = self._course.cut(class_token_only=self.class_token_only)
            if cut is not None:
                self._rail, self._first = cut[0], (cut[1], cut[2])
        return self._rail

    def _one_by_one(self, sets: Iterable[Units], seen: Seen) -> None:
        for units in sets:
            self._course.whole(units, lambda index, read, units=units: seen(units, index, read))  # type: ignore[misc]

    def _walk(self, rail: Rail, tree: Node, seen: Seen) -> None:
        number = len(self._course.batches)
        size = max(1, self.memory // max(1, rail.kept_bytes))
        with torch.inference_mode(), rail.opened():
            for start in range(0, number, size):
                _Walk(self._course, rail, range(start, min(start + size, number)), seen).descend(0, 0, (), tree)


class _Walk:
    """One way down a tree with some batches; only outputs along the present path are kept."""

    def __init__(self, course: Course, rail: Rail, indices: Iterable[int], seen: Seen) -> None:
        self._course, self._rail, self._seen = course, rail, seen
        self._tapes: dict[int, Tape] = {index: [] for index in indices}

    def descend(self, start: int, at: int, gone: Units, node: Node) -> None:
        """Goes on where blocks before `start` have run and those before `at` are decided."""
        branches: list[tuple[Units, Node]] = []
        while at < self._rail.length and len(branches := node.branches()) == 1:
            ((lost, node),) = branches
            gone, at = (*gone, *lost), at + 1
        for tape in self._tapes.values():
            del tape[self._rail.starts[start] :]
        if at == self._rail.length:
            self._finish(Stretch(start, at, gone), node)
            return
        if at > start:
            passages = [Passage(index, tape, _appending(tape)) for index, tape in self._tapes.items()]
            self._course.run(self._rail, Stretch(start, at, gone), passages)
        with self._rail.replaying(start, at):
            for lost, child in branches:
                self.descend(at, at + 1, lost, child)

    def _finish(self, part: Stretch, node: Node) -> None:
        sets = node.sets()

        def give(index: int, read: Tensor) -> None:
            for units in sets:
                self._seen(units, index, read)

        self._course.run(self._rail, part, [Passage(index, tape) for index, tape in self._tapes.items()], give)


def _appending(tape: Tape) -> Record:
    return lambda _, output: tape.append(output)
