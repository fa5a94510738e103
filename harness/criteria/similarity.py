"""How little a unit turns the residual stream: LLM-Drop's cosine score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import Field

from harness.criteria.base import Scoring, UnitCriterion, criteria
from harness.errors import Problem, SpecError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.families.base import Unit

Turned: TypeAlias = "Callable[[Tensor, Tensor], None]"


@criteria.register("similarity")
class Similarity(UnitCriterion):
    """How little a unit turns the residual stream: S = 1 - mean over tokens of cos(x, y).

    Equations 1-6 of "What Matters in Transformers?" (LLM-Drop, arXiv 2406.15786). x is the stream entering the unit:
    what its norm reads; y leaves it: x + branch(norm(x)) for a sublayer, its output for a block. Cosines over the
    width in float32, of every token of every item, averaged in float64. S lies in [0, 2]; a unit whose branch gives
    zero has S = 0. One forward pass of the untouched network over the calibration items, for all units together.
    """

    tokens: Literal["all", "class", "patch"] = Field(
        "all", description="tokens that are averaged: all, the leading ones that stand for no place, or the others"
    )
    items: int | None = Field(None, ge=1, description="calibration items; null: the whole part")

    @property
    def calibration_items(self) -> int | None:
        return self.items

    def scores(self, scoring: Scoring) -> Mapping[str, float]:
        import torch

        first, end = self._kept(scoring.net)
        means = {unit.name: _Mean() for unit in scoring.units}

        def watch(unit: Unit) -> Turned:
            return lambda x, y: means[unit.name].add(_cosines(x, y)[:, first:end])

        device = str(next(scoring.net.parameters()).device)
        with torch.inference_mode(), _watched(scoring, watch):
            for batch in scoring.batches:
                scoring.task.forward(scoring.net, batch.to(device))
        return {name: 1 - mean.value() for name, mean in means.items()}

    def _kept(self, net: nn.Module) -> tuple[int | None, int | None]:
        prefix = int(getattr(net, "num_prefix_tokens", 0))
        if self.tokens == "class" and prefix == 0:
            message = f"{type(net).__name__} has no class token; 'all' or 'patch' would do"
            raise SpecError(Problem("criteria.similarity.tokens", message))
        return {"all": (None, None), "class": (None, prefix), "patch": (prefix, None)}[self.tokens]


class _Mean:
    """A running mean in float64; the sum stays on the device."""

    def __init__(self) -> None:
        self.total: Tensor | float = 0.0
        self.count = 0

    def add(self, values: Tensor) -> None:
        self.total = self.total + values.double().sum()
        self.count += values.numel()

    def value(self) -> float:
        # Nothing seen has no mean; the search says which unit that was.
        return float(self.total) / self.count if self.count else float("nan")


def _cosines(x: Tensor, y: Tensor) -> Tensor:
    """(n, tokens) from two (n, ..., width)."""
    import torch

    cosines = torch.nn.functional.cosine_similarity(x.float(), y.float(), dim=-1)
    return cosines.clamp(-1, 1).flatten(1)


@contextmanager
def _watched(scoring: Scoring, watch: Callable[[Unit], Turned]) -> Iterator[None]:
    """Calls `watch(unit)(x, y)` at every pass through a unit; every hook is gone afterwards."""
    hooks: list[Any] = []
    try:
        for unit in scoring.units:
            entered: list[Tensor] = []
            first, last = _ends(unit)
            hooks.append(scoring.net.get_submodule(first).register_forward_pre_hook(_enter(entered)))
            leave = _leave(unit, entered, watch(unit))
            hooks.append(scoring.net.get_submodule(last).register_forward_hook(leave))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _ends(unit: Unit) -> tuple[str, str]:
    """Paths of the module that reads x and of the module that gives the branch's output, or y itself for a block."""
    if unit.kind == "block":
        return unit.name, unit.name
    (sublayer,) = unit.sublayers
    return f"{sublayer.block}.{sublayer.modules[0]}", f"{sublayer.block}.{sublayer.modules[-1]}"


def _enter(entered: list[Tensor]) -> Callable[[Any, Any], None]:
    def hook(_: Any, inputs: tuple[Tensor, ...]) -> None:
        entered.append(inputs[0])

    return hook


def _leave(unit: Unit, entered: list[Tensor], turned: Turned) -> Callable[[Any, Any, Any], None]:
    def hook(_: Any, __: Any, output: Any) -> None:
        given = output[0] if isinstance(output, tuple) else output
        x = entered.pop()
        if x.shape != given.shape:
            shapes = f"{tuple(x.shape)} goes in, {tuple(given.shape)} comes out"
            raise SpecError(f"criteria.similarity: {unit.name} is no residual branch of the pre-norm form: {shapes}")
        turned(x, given if unit.kind == "block" else x.float() + given.float())

    return hook
