"""Runs a network from one of its blocks to another: what comes before is replayed, what comes after is not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from harness.families.base import Unit
from harness.prefixes.survey import Survey, mapped, same, tensors

Tape: TypeAlias = list[Any]  # outputs in order of execution
Record: TypeAlias = Callable[[int, Any], None]


class _HaltedError(Exception):
    """A pass reached the block that it was to stop before."""


class Rail:
    """The model's own forward, cut between blocks.

    Blocks that lie before the one to start from are stood in for by modules that return kept outputs, and modules
    outside blocks return theirs while `opened`; so the forward of the model, with whatever it does in between, is run
    as it is.
    """

    def __init__(self, net: nn.Module, blocks: Sequence[str], found: Survey, place: str = "cpu") -> None:
        self.starts = found.starts  # how many outputs are kept before each block
        self.kept_bytes = sum(tensor.nbytes for tensor in tensors(found.tape))  # of the batch that was surveyed
        self.length = len(blocks)
        self.is_thin = False  # of what comes before all blocks, one item is replayed where only its being there matters
        self.is_elsewhere = False  # what is kept lies on another device than the network
        self._place = place
        self._sites = found.sites
        self._places = [(net.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2]) for path in blocks]
        self._blocks = [net.get_submodule(path) for path in blocks]
        self._depths = {path: depth for depth, path in enumerate(blocks)}
        self._tape: Tape = []
        self._at = self._kept = 0
        self._record: Record | None = None
        self._replayed, self._halt = [_Replayed(self) for _ in blocks], _Halt()
        self._proved: set[tuple[int, tuple[str, ...]]] = set()

    def block_of(self, unit: Unit) -> int:
        """The number of the block that a unit lies in."""
        return self._depths[unit.sublayers[0].block]

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Within it modules outside blocks give what is kept of them, where a pass starts after them."""
        with ExitStack() as changes:
            for site in self._sites:
                changes.enter_context(forward_as(site, self._intercepted(site.forward)))
            yield

    @contextmanager
    def replaying(self, start: int, stop: int) -> Iterator[None]:
        """Within it these blocks give what is kept of them."""
        with ExitStack() as changes:
            for depth in range(start, stop):
                changes.enter_context(self._put(depth, self._replayed[depth]))
            yield

    @contextmanager
    def ready(self, start: int, stop: int, gone: tuple[Unit, ...], *, records: bool) -> Iterator[int]:
        """Within it a pass may start at block `start`, those before being replayed, and stops before block `stop`.

        Gives the number of blocks that really run. To be entered after what is `gone` was removed.
        """
        with ExitStack() as changes:
            inner = [getattr(*self._places[depth]) for depth in range(start, stop)]
            for depth, block in enumerate(inner, start):
                self._prove(changes, depth, block, gone)
                if records and depth + 1 < self.length:
                    changes.callback(block.register_forward_hook(self._note).remove)
            if stop < self.length:
                changes.enter_context(self._put(stop, self._halt))
            yield sum(block is self._blocks[depth] for depth, block in enumerate(inner, start))

    def run(self, work: Callable[[], Tensor], tape: Tape, kept: int, record: Record | None) -> Tensor | None:
        """What `work` reads with the first `kept` outputs taken from the tape; None where it stops before the end."""
        self._tape, self._at, self._kept, self._record = tape, 0, kept, record
        try:
            return work()
        except _HaltedError:
            return None
        finally:
            self._tape, self._record = [], None

    def feeds(self, work: Callable[[], Tensor], tape: Tape) -> tuple[Any, ...]:
        """What each block is given when all before it are replayed."""
        halt = _Halt(keeps=True)
        for depth in range(self.length):
            with self.replaying(0, depth), self._put(depth, halt):
                self.run(work, tape, self.starts[depth], None)
        return tuple(halt.given)

    def next_kept(self) -> Any:
        """What the tape holds next."""
        at, self._at = self._at, self._at + 1
        output = self._tape[at]
        if self.is_elsewhere:
            output = mapped(output, lambda tensor: tensor.to(self._place))
        is_early = at < self.starts[0] < self._kept
        return output[:1] if self.is_thin and is_early and isinstance(output, Tensor) else output

    def _intercepted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            if self._at < self._kept:
                return self.next_kept()
            output = original(*args, **kwargs)
            self._note(None, None, output)
            return output

        return forward

    def _note(self, _: Any, __: Any, output: Any) -> None:
        if self._record is not None and self._at < self.starts[-1]:
            self._record(self._at, output)
        self._at += 1

    @contextmanager
    def _put(self, depth: int, module: nn.Module) -> Iterator[None]:
        parent, name = self._places[depth]
        there = getattr(parent, name)
        setattr(parent, name, module)
        try:
            yield
        finally:
            setattr(parent, name, there)

    def _prove(self, changes: ExitStack, depth: int, block: nn.Module, gone: tuple[Unit, ...]) -> None:
        """On its first pass without these units a block must leave what it is given as it was: others are given it."""
        key = (depth, tuple(unit.name for unit in gone if self.block_of(unit) == depth))
        if key in self._proved:
            return
        copies: list[Any] = []

        def before(_: Any, args: Any) -> None:
            copies.append(mapped(args, torch.clone))

        def after(module: nn.Module, args: Any, _: Any) -> None:
            if not same(args, copies.pop()):
                without = f" without {', '.join(key[1])}" if key[1] else ""
                changes_it = f"block {depth} ({type(module).__name__}){without} changes its input in place"
                raise RuntimeError(f"{changes_it}: passes cannot share it, and its family must say so (`no_chain`)")
            self._proved.add(key)

        changes.callback(block.register_forward_pre_hook(before).remove)
        changes.callback(block.register_forward_hook(after).remove)


@contextmanager
def forward_as(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Within it a module, its parts and hooks as they are, computes something else."""
    own = module.__dict__.get("forward")
    module.__dict__["forward"] = forward
    try:
        yield
    finally:
        del module.__dict__["forward"]
        if own is not None:
            module.__dict__["forward"] = own


class _Replayed(nn.Module):
    """Gives what is kept of a block."""

    def __init__(self, rail: Rail) -> None:
        super().__init__()
        self._next = rail.next_kept

    def forward(self, *_: Any, **__: Any) -> Any:
        """What the tape holds next."""
        return self._next()


class _Halt(nn.Module):
    """Ends a pass."""

    def __init__(self, *, keeps: bool = False) -> None:
        super().__init__()
        self._keeps = keeps
        self.given: list[Any] = []

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Leaves the forward of the model."""
        if self._keeps:
            self.given.append((args, kwargs))
        raise _HaltedError
