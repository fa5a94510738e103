"""What a kind of block adds to its stream, and what of it cannot go: data about one class of modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Branch:
    """What a block adds to its stream in one place, and all that goes with it; paths are relative to the block.

    `core` names it in paths. `modules` are all modules that only it runs, in order of execution; those that a block
    lacks (absent or None) are left out, and a block without the module `core` has no such branch. `core` and
    `modules` may hold `*`: one branch for each child of that container (`attns.*`). `parameters` are bare ones that
    only it uses (`gamma_1`).

    `head` (default: the first module) is a module, or a method of the block, that takes the place where nothing comes
    out: whatever follows must be linear in it. `passes` are positions of further arguments that the head gives back
    after its output, None for a None. `onto` is the position of the stream, where the head itself adds to it.

    `tap` (default: the last module) is the module whose output, in the stream's layout, is added to the stream; where
    several branches share it, `call` says which of its calls in a pass of the block is this branch's, from 0.
    x, the stream that the branch's output is added to, is the input of `entry` (default: the first module; `.` is the
    block's own stream). Where only the first tokens of x are read out and written, `tokens` is how many.
    `reads_shared` says that what it reads comes out of a module that branches share (a norm), and is not x.
    `windows` names the block's attribute with the side of its windows, where the tap's output is still cut into those,
    and `is_folded` says that its first axis runs over parts of items, all parts of an item in turn.

    Where what `core` is decides the kind, `of` are the classes that it is one of.

    `within` is the core of the branch that this one is a part of, and goes with; x is then not the block's stream, but
    what enters the part. With `hands_on` the head is a step of its block that nothing is added to, f(x) of x's shape:
    where it is gone x goes on in its place, and what it adds is f(x) - x.
    """

    kind: str
    core: str
    modules: tuple[str, ...]
    head: str = ""
    passes: tuple[int | None, ...] = ()
    onto: int | None = None
    tap: str = ""
    call: int = 0
    entry: str = ""
    tokens: int | None = None
    reads_shared: bool = False
    windows: str = ""
    is_folded: bool = False
    parameters: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    within: str = ""
    hands_on: bool = False

    def at(self, child: str) -> Branch:
        """The same for one child of a container: `*` becomes its name."""
        modules = tuple(name.replace("*", child) for name in self.modules)
        return replace(self, core=self.core.replace("*", child), modules=modules)


@dataclass(frozen=True)
class Frame:
    """How a block handles its stream: it is argument `stream`; a block that gives a tuple gives arguments `returns`.

    A None among `returns` is a None that it gives. `shared` are modules and parameters that belong to no branch and go
    when all branches go; `heads` are those of all its branches. Where `is_whole` is false the block as a whole must
    stay although some of its branches may go.
    """

    stream: int = 0
    returns: tuple[int | None, ...] = ()
    shared: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    is_whole: bool = True


def _always(_: nn.Module) -> bool:
    return True


@dataclass(frozen=True)
class Refusal:
    """What is not offered and why: a `kind` of branch, `block` (the whole, while branches may go), or all of a block.

    `when` tells from a block whether it is one of those.
    """

    reason: str
    when: Callable[[nn.Module], bool] = _always
    kind: str = ""

    @property
    def is_general(self) -> bool:
        """Whether it holds for every block of the class."""
        return self.when is _always


@dataclass(frozen=True)
class Layout:
    """Blocks of one class: branches in order of execution, the stream, what cannot go, and notes for the reader.

    Blocks inside a block are not looked for. Where options make other blocks of the same class, `variants` are pairs of
    what tells those from a block and their layout.
    """

    branches: tuple[Branch, ...]
    stream: int = 0
    returns: tuple[int | None, ...] = ()
    shared: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    variants: tuple[tuple[Callable[[nn.Module], bool], Layout], ...] = ()

    def of(self, block: nn.Module) -> Layout:
        """The layout of one block of the class."""
        return next((layout for holds, layout in self.variants if holds(block)), self)


NO_BRANCH, BARE = Branch("", "", ()), Frame()
