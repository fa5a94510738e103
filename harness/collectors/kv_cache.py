"""Bytes of keys and values that a decoder keeps of a text, by formula and as its own cache holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.collectors.base import Clock, CostCollector, Subject, collectors
from harness.collectors.cached_bytes import expected_bytes, held_bytes
from harness.collectors.generating import Lengths, Reader, misfit, prompts
from harness.collectors.guard import nulls
from harness.collectors.metrics import answer
from harness.records import Asked, Measurement
from harness.schema import Json
from harness.tasks.language_modelling import LanguageModelling

if TYPE_CHECKING:
    from torch import Tensor, nn


@collectors.register("kv_cache")
class KvCache(Lengths, CostCollector):
    """Bytes of keys and values after a prompt and what is written after it, in the precision of the weights.

    Of the cache that the network itself makes and fills, run without values, as MACs are counted; beside it stands the
    formula, and a warning where the two differ.
    """

    tasks: ClassVar[tuple[str, ...]] = (LanguageModelling.name,)
    kind: ClassVar[Literal["exact", "noisy"]] = "exact"

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric="kv_cache_bytes", at=self.lengths()),)

    def collect(self, subject: Subject, clock: Clock) -> tuple[Measurement, ...]:
        reason = misfit(subject, self.prompt + self.new)
        if reason is not None:
            return nulls(self.asked(), "exact", reason)
        (asked,) = self.asked()
        held, baseline = (self._held(subject, net) for net in (subject.candidate, subject.baseline))
        left = _layers(subject)
        formula = sum(self._formula(subject.candidate, left.values() if subject.singles else range(len(held))))
        details: dict[str, Json] = {
            "formula_bytes": formula,
            "layers": sum(map(bool, held)),
            "baseline": sum(baseline),
            "baseline_layers": sum(map(bool, baseline)),
        }
        by_sublayer = {name: held[layer] for name, layer in left.items()} or None
        doubts = _doubts(sum(held), formula)
        return (answer(asked, "exact", sum(held), by_sublayer=by_sublayer, details=details, warnings=doubts),)

    def _held(self, subject: Subject, net: nn.Module) -> tuple[int, ...]:
        """Bytes in every layer of the cache, 0 where nothing was ever written."""
        import torch

        from harness.counting import weightless

        tokens = prompts(subject, self.batch, self.prompt + self.new)
        with torch.no_grad():
            try:
                return self._filled(weightless(net), tokens.to("meta"))
            except (RuntimeError, TypeError, ValueError):  # a network with experts looks at values
                return self._filled(net, tokens)

    def _filled(self, net: nn.Module, tokens: Tensor) -> tuple[int, ...]:
        reader = Reader(net)
        for part in (tokens[:, : self.prompt], tokens[:, self.prompt :]):
            if part.shape[1]:
                reader.read(part)
        return tuple(map(held_bytes, reader.cache.layers))

    def _formula(self, net: Any, layers: Iterable[int]) -> Iterator[int]:
        """Bytes of each of these layers."""
        item_bytes = next(net.parameters()).element_size()
        expected = expected_bytes(net.config, item_bytes, self.batch, self.prompt + self.new)
        yield from (expected[layer] for layer in layers)


def _layers(subject: Subject) -> dict[str, int]:
    """For every attention that the candidate still has, by name, its layer in the cache."""
    kept = {
        name: module for name, module in subject.candidate.named_modules() if any(True for _ in module.parameters())
    }
    names = (name for name, single in subject.singles.items() if single.kind == "attention" and name in kept)
    places = {name: getattr(kept[name], "layer_idx", None) for name in names}
    return {name: place for name, place in places.items() if isinstance(place, int)}


def _doubts(held: int, formula: int) -> tuple[str, ...]:
    if held == formula:
        return ()
    why = "this network keeps more or less than keys and values"
    return (f"the cache holds {held} B and the formula gives {formula} B: {why}",)
