"""Sublayers that fade from a network while it is trained: u = x + lambda A, or u = (2 - lambda) x + lambda A."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from harness.families.base import Sublayer, Unit, outermost
from harness.streams import tapped
from harness.surgery import removed

if TYPE_CHECKING:
    from types import TracebackType

    from torch import Tensor, nn


class Fading:
    """Within it `net` runs with the sublayers at `factor` lambda; it ends as whole as it began.

    With x what enters a branch A, and for `removal`

        skip:      u = x + lambda A(x)                    lambda 0: u = x, the branch is gone
        identity:  u = x + (1 - lambda) x + lambda A(x)   lambda 0: u = 2x, the branch is its own input

    (identity: lambda-ViT, arXiv 2404.05657, where what the branch no longer gives is compensated by x.) At lambda 1
    nothing is touched. At lambda 0 the sublayers are taken out, not multiplied by zero: equal to the bit, with no work
    done for them. A block that loses all of its branches fades as one, x + lambda (y - x).
    """

    def __init__(self, net: nn.Module, sublayers: tuple[Sublayer, ...], removal: str) -> None:
        self.net, self.sublayers, self.removal = net, sublayers, removal
        self.factor = 1.0
        self._stack = ExitStack()

    def __enter__(self) -> Fading:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stack.close()
        self.factor = 1.0

    def set(self, factor: float) -> None:
        """Lets the next pass run at another factor, 0 to 1."""
        if not self._goes_on(factor):
            self._stack.close()
            if factor == 0:
                self._stack.enter_context(removed(self.net, self.sublayers, self.removal))
            elif factor < 1:
                units = tuple(faded_units(self.sublayers, self.removal))
                self._stack.enter_context(tapped(self.net, units, self._seen))
        self.factor = factor

    def _goes_on(self, factor: float) -> bool:
        """Whether what is in place now serves the new factor too."""
        return factor == self.factor or (0 < factor < 1 and 0 < self.factor < 1)

    def _seen(self, _: Unit, x: Tensor, added: Tensor) -> Tensor:
        return faded(x, added, self.factor, self.removal)


def faded(x: Tensor, added: Tensor, factor: float, removal: str) -> Tensor:
    """What a branch at `factor` adds to the stream: lambda A, and under `identity` (1 - lambda) x beside it."""
    return factor * added if removal == "skip" else (1 - factor) * x + factor * added


def faded_units(sublayers: tuple[Sublayer, ...], removal: str) -> Iterator[Unit]:
    """The sublayers; and instead of all those of a block that has nothing else, the block."""
    sublayers = outermost(sublayers)
    blocks = dict.fromkeys(s.block for s in sublayers)
    for block in blocks:
        gone = tuple(s for s in sublayers if s.block == block)
        frame = gone[0].frame
        if removal == "skip" and frame.is_whole and set(frame.heads) <= {s.head for s in gone}:
            yield Unit(block, "block", gone[0].depth, gone)
        else:
            yield from (Unit(s.name, s.kind, s.depth, (s,)) for s in gone)
