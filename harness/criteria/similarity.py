"""How little a unit turns the residual stream: LLM-Drop's cosine score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from pydantic import Field

from harness.criteria.additions import watch
from harness.criteria.base import Items, Scoring, SpanCriterion, UnitCriterion, criteria
from harness.criteria.layouts import tokens_of
from harness.criteria.means import Mean
from harness.criteria.tokens import Tokens, kept
from harness.errors import SpecError
from harness.families.base import Unit
from harness.tasks.base import Batch

if TYPE_CHECKING:
    from torch import Tensor, nn

STREAM = "a run of blocks is scored by its stream; leave it true"
Passed: TypeAlias = "Callable[[Unit, Tensor, Tensor, Batch], None]"


@criteria.register("similarity")
class Similarity(UnitCriterion, SpanCriterion):
    """How little a unit turns the residual stream: S = 1 - mean over tokens of cos(x, y).

    Equations 1-6 of "What Matters in Transformers?" (LLM-Drop, arXiv 2406.15786). x is the stream entering the unit:
    what its norm reads; y leaves it: x + branch(norm(x)) for a sublayer, its output for a block. Cosines over the
    width in float32, of every token of every item, averaged in float64. S lies in [0, 2]; a unit whose branch gives
    zero has S = 0. One forward pass of the untouched network over the calibration items, for all units together. With
    `target: joint` attention and MLP stand in one list, on this common scale.

    Other streams than the paper's: layer scale is part of the branch, and is removed with it. Where a norm comes after
    (x + norm(branch(x))), that norm is part of the unit. Parallel branches read, and add to, the same x, so each is
    scored as if it were alone there; a norm that they share belongs to the block and stays. In maps, every place is a
    token and the channels are the width. A class attention writes the class token only, and is scored on that.

    `residual: false` is the paper's ablation: the branch's output alone stands for y (for a block, its output minus its
    input), S = 1 - mean cos(x, branch(norm(x))); a branch that gives zero then has S = 1. `tokens: used` leaves out
    what nothing reads: the last block of a class-token network writes its other tokens for nobody. Which those are is
    told by derivatives of the outputs, one backward pass of four items.
    """

    searches: ClassVar[tuple[str, ...]] = ("one_shot", "iterative", "consecutive")

    tokens: Tokens = "all"
    residual: bool = Field(True, description="y is the stream that leaves; false: what the unit adds to it, alone")
    items: Items = None

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        means = {unit.name: Mean() for unit in scoring.units}
        chosen = kept(scoring, self.tokens, "criteria.similarity.tokens")

        def passed(unit: Unit, x: Tensor, y: Tensor, batch: Batch) -> None:
            for own in batch.unpadded(_cosines(x, y)):
                means[unit.name].add(chosen(unit, own))

        self._pass(scoring, passed)
        return {name: 1 - mean.value() for name, mean in means.items()}

    def span_fault(self, target: str) -> str:
        if not self.residual:
            return f"residual: {STREAM}"
        return "" if target == "block" else f"runs are of whole blocks, not of {target}; set 'for: {{targets: block}}'"

    def span_scores(self, scoring: Scoring) -> Mapping[tuple[str, ...], float]:
        """1 - mean cos(input of the first, output of the last) for every run of adjacent blocks but the longest.

        LLM-Drop's consecutive Block Drop. Blocks between which the stream changes shape are not adjacent.
        """
        if not self.residual:
            raise SpecError(f"criteria.similarity.residual: {STREAM}")
        others = [unit for unit in scoring.units if unit.kind != "block"]
        if others:
            message = f"a run is of whole blocks, which {others[0].name} is not; the target must be block"
            raise SpecError(f"criteria.similarity: {message}")
        means: dict[tuple[str, ...], Mean] = {}
        chosen = kept(scoring, self.tokens, "criteria.similarity.tokens")
        open_runs: list[tuple[tuple[Unit, ...], Tensor]] = []

        def passed(unit: Unit, x: Tensor, y: Tensor, batch: Batch) -> None:
            open_runs[:] = [*((run, first) for run, first in open_runs if _go_on(run, first, unit, x)), ((), x)]
            for place, (run, first) in enumerate(open_runs):
                open_runs[place] = ((*run, unit), first)
                names = tuple(member.name for member in open_runs[place][0])
                for own in batch.unpadded(_cosines(first, y)):
                    means.setdefault(names, Mean()).add(chosen(unit, own))

        self._pass(scoring, passed)
        return {names: 1 - mean.value() for names, mean in means.items() if len(names) < len(scoring.units)}

    def _pass(self, scoring: Scoring, passed: Passed) -> None:
        """Calls `passed(unit, x, y, batch)`, (n, tokens, width), at every pass through a unit, for all items."""

        def seen(unit: Unit, x: Tensor, added: Tensor, batch: Batch) -> None:
            if x.shape != added.shape:
                shapes = f"{tuple(x.shape)} goes in, {tuple(added.shape)} comes out"
                raise SpecError(f"criteria.similarity: {unit.name} is no residual branch: {shapes}")
            whole = given.pop(unit.name, None)  # taken out: else the outputs of all blocks are held
            y = _left(x, added, whole) if self.residual else added
            passed(unit, tokens_of(scoring.net, unit, x), tokens_of(scoring.net, unit, y), batch)

        with _outputs(scoring.net, scoring.units) as given:
            watch(scoring, seen)


def _left(x: Tensor, added: Tensor, whole: Tensor | None) -> Tensor:
    """The stream that leaves a unit: what a block gave as a whole, else the sum."""
    # A block that is given patches as items gives them back so; x is put together already.
    return x.float() + added.float() if whole is None else whole.reshape(x.shape)


def _cosines(x: Tensor, y: Tensor) -> Tensor:
    """(n, tokens) from two (n, tokens, width)."""
    import torch

    x = x.to(y.device)  # a run of blocks may end on another device than it began
    return torch.nn.functional.cosine_similarity(x.float(), y.float(), dim=-1).clamp(-1, 1)


def _go_on(run: tuple[Unit, ...], first: Tensor, unit: Unit, x: Tensor) -> bool:
    """Whether a unit that reads x continues a run of blocks whose stream was `first`."""
    return run[-1].depth + 1 == unit.depth and first.shape == x.shape


@contextmanager
def _outputs(net: nn.Module, units: Iterable[Unit]) -> Iterator[dict[str, Tensor]]:
    """Within it, what each block gives, by its name: its input plus what it adds is that only up to rounding."""
    given: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[Any, Any, Any], None]:
        def hook(_: Any, __: Any, output: Any) -> None:
            if not isinstance(output, tuple):
                given[name] = output

        return hook

    with ExitStack() as stack:
        for unit in units:
            if unit.kind == "block":
                hook = net.get_submodule(unit.name).register_forward_hook(keep(unit.name))
                stack.callback(hook.remove)
        yield given
