"""The passes of one network over its batches: alone, or from block to block where they can be shared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from harness.errors import SpecError, UnknownNameError
from harness.families.base import Unit
from harness.families.catalogue import family_of
from harness.prefixes.class_token import class_token_forward, obstacle
from harness.prefixes.rail import Rail, Record, Tape, forward_as
from harness.prefixes.survey import Survey, same, survey
from harness.tasks.base import Batch

Units: TypeAlias = tuple[Unit, ...]
Give: TypeAlias = Callable[[int, Tensor], None]
Run: TypeAlias = Callable[[Batch], Tensor]
Without: TypeAlias = Callable[[Units], AbstractContextManager[None]]

CLOSE = 1e-3  # relative and absolute; the class token alone takes another kernel


class Passage(NamedTuple):
    """One batch on its way: its number, what is kept of it so far, and who is told what comes after."""

    batch: int
    tape: Tape
    record: Record | None = None


class Stretch(NamedTuple):
    """Blocks from number `start` to before `stop`, without the units that are gone of them."""

    start: int
    stop: int
    gone: Units


class Course:
    """Knows where a network may be cut, runs it in parts or as a whole, and counts the blocks that ran."""

    def __init__(
        self, net: nn.Module, run: Run, without: Without, batches: Sequence[Batch], units: Sequence[Unit]
    ) -> None:
        self.batches, self.units = tuple(batches), tuple(units)
        self.why_alone = ""
        self._net, self._run, self._without = net, run, without
        self._place = next((str(p.device) for p in net.parameters()), "cpu")
        self._owners = dict.fromkeys(s.block for unit in units for s in unit.sublayers)
        self._last = ""  # path of the last block where it is computed for the class token alone
        self._item_blocks = 0

    @property
    def block_evaluations(self) -> float:
        """Blocks that were run so far, each over all items."""
        return self._item_blocks / max(1, sum(map(len, self.batches)))

    def cut(self, *, class_token_only: bool) -> tuple[Rail, Tape, Tensor] | None:
        """Finds out with the first batch where the network may be cut; also what that pass kept and read.

        None where every set has to be run by itself: `why_alone` says why.
        """
        blocks = self._chain()
        if not blocks or not self.batches:
            return None
        with torch.inference_mode():
            found, read = survey(self._net, blocks, lambda: self._read(0))
            self._item_blocks += len(self.batches[0]) * len(blocks)
            self.why_alone = found.flaw
            if found.flaw:
                return None
            rail = Rail(self._net, blocks, found, self._place)
            # Where code between blocks sees how many items there are, one cannot stand for all.
            ways = (True, False) if found.is_direct else (False,)
            if not any(self._replays(rail, found, read, is_thin=way) for way in ways):
                self.why_alone = "what is read depends on more than what blocks give out"
                return None
            if class_token_only:
                read = self._shortened(rail, found, read, blocks[-1])
        return rail, found.tape, read

    def whole(self, gone: Units, give: Give) -> None:
        """Runs the network without these units over all batches, nothing shared."""
        with torch.inference_mode(), self._without(gone):
            for index, batch in enumerate(self.batches):
                self._item_blocks += len(batch) * len(self._owners)
                give(index, self._read(index))

    def run(self, rail: Rail, part: Stretch, passages: Iterable[Passage], give: Give | None = None) -> None:
        """Runs a stretch for some batches and gives what is read where it goes to the end.

        Within `torch.inference_mode` and `rail.opened`; blocks before the stretch have been made to replay.
        """
        passages = tuple(passages)
        records = any(record for _, _, record in passages)
        with self._removed(part.gone), rail.ready(*part, records=records) as runs, self._shortcut(rail, part.stop):
            for index, tape, record in passages:
                self._item_blocks += runs * len(self.batches[index])
                # An empty tape is that of a batch that begins: what lies before the first block runs too.
                kept = min(rail.starts[part.start], len(tape))
                read = rail.run(lambda: self._read(index), tape, kept, record)  # noqa: B023  # called at once
                if read is not None and give is not None:
                    give(index, read)

    def _read(self, index: int) -> Tensor:
        return self._run(self.batches[index].to(self._place))

    def _removed(self, gone: Units) -> AbstractContextManager[None]:
        return self._without(gone) if gone else nullcontext()

    def _chain(self) -> tuple[str, ...]:
        try:
            family = family_of(self._net)
        except UnknownNameError as error:
            self.why_alone = str(error)
            return ()
        blocks = family.chain(self._net)
        several = any(len({s.block for s in unit.sublayers}) != 1 for unit in self.units)
        if not blocks or several or not set(self._owners) <= set(blocks):
            self.why_alone = family.no_chain or "units do not lie in blocks that follow each other"
            return ()
        return blocks

    def _replays(self, rail: Rail, found: Survey, read: Tensor, *, is_thin: bool) -> bool:
        """Whether replaying gives every block, and the reader after the last, what they were given."""
        rail.is_thin = is_thin
        try:
            with rail.opened():
                fed = rail.feeds(lambda: self._read(0), found.tape)
            return same(fed, found.given) and torch.equal(read, self._again(rail, found))
        except (RuntimeError, ValueError, IndexError):  # where the head, too, sees how many items there are
            if is_thin:
                return False
            raise

    def _again(self, rail: Rail, found: Survey) -> Tensor:
        """What is read when all but the last block is replayed."""
        last, reads = rail.length - 1, [torch.empty(0)]
        with rail.opened(), rail.replaying(0, last):
            part = Stretch(last, rail.length, ())
            self.run(rail, part, [Passage(0, found.tape)], lambda _, read: reads.append(read))
        return reads[-1]

    def _shortened(self, rail: Rail, found: Survey, read: Tensor, last: str) -> Tensor:
        reason = obstacle(self._net, self._net.get_submodule(last))
        if not reason:
            self._last = last
            again = self._again(rail, found)
            if again.shape == read.shape and torch.allclose(again, read, rtol=CLOSE, atol=CLOSE):
                return again
            reason = "what is read depends on other tokens"
        raise SpecError(f"class_token_only: {reason}; leave it out")

    def _shortcut(self, rail: Rail, stop: int) -> AbstractContextManager[None]:
        if not self._last or stop < rail.length:
            return nullcontext()
        last = self._net.get_submodule(self._last)
        # Where the block was removed as a whole there is nothing to compute.
        return forward_as(last, class_token_forward(last)) if hasattr(last, "attn") else nullcontext()
