"""What a study of decoders takes of a stated GPU, by formula: bytes at the fullest, seconds at the least busy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cards import Card
from harness.collectors.base import SPLITS, OutcomeCollector
from harness.collectors.cached_bytes import expected_bytes, head_dim
from harness.collectors.generation import Generation
from harness.datasets.base import Dataset
from harness.datasets.stretches import PASS_TOKENS
from harness.entries import CriterionEntry
from harness.errors import SpecError
from harness.inventory import kept_inventory
from harness.models import create, is_language_model
from harness.plan import Plan
from harness.records import TrialInfo
from harness.runtimes import HALF
from harness.schema import Options
from harness.searches.iterative import Iterative
from harness.shards import layout_of
from harness.tasks.language_modelling import EXAMPLE, LanguageModelling
from harness.tasks.texts import TextInput
from harness.trials import TrialSpec

BUSY = 0.4  # of a card's peak products: what dense networks of this size reach
STREAMED = 0.6  # of its memory's peak rate, while a token is written
SPARE = 0.95  # of its memory: the rest is the library's own
FP32_BYTES, HALF_BYTES = 4, 2  # of a number
UNTOLD = ("latency", "throughput", "memory", "energy", "lm_eval")


@dataclass(frozen=True)
class Shape:
    """A decoder as built: its configuration, parameters, and MACs of a token without the products of attention."""

    config: Any
    params: int
    macs: float
    fullest: int  # parameters on the fullest of the cards that hold it together
    share: float  # of its blocks, and so of the cache, on the card that has most of them

    def macs_of(self, tokens: float, context: float) -> float:
        """MACs of so many tokens, each of which attends to `context` places: a causal mask counts in full."""
        return tokens * (self.macs + _attention(self.config) * context)

    def block_bytes(self, tokens: int) -> float:
        """What one block holds of so many tokens in fp32: the stream, what is read of it, the inside of its MLP."""
        wide = int(self.config.hidden_size)
        inside = int(getattr(self.config, "intermediate_size", 4 * wide))
        return FP32_BYTES * tokens * (8 * wide + 3 * inside)

    def pass_bytes(self, tokens: int) -> float:
        """A forward pass in fp32 at its widest: logits and their logarithms beside one block's own tensors."""
        return FP32_BYTES * tokens * 2 * int(self.config.vocab_size) + self.block_bytes(tokens)

    def cache_bytes(self, item_bytes: int, texts: Generation) -> int:
        """Keys and values at the end of texts."""
        return sum(expected_bytes(self.config, item_bytes, texts.batch, texts.prompt + texts.new))


@dataclass(frozen=True)
class Sizing:
    """Of one model: bytes by stage, seconds by stage, and what these leave out."""

    model: str
    params: int
    stage_bytes: dict[str, float]
    stage_s: dict[str, float]
    untold: tuple[str, ...]

    @property
    def fullest(self) -> str:
        """The stage that needs most."""
        return max(self.stage_bytes, key=self.stage_bytes.__getitem__)

    def fits(self, card: Card) -> bool:
        """Whether the fullest stage does."""
        return self.stage_bytes[self.fullest] <= SPARE * card.memory_bytes


def sizings(plan: Plan, card: Card, artifacts: Path, paths: Mapping[str, Path]) -> tuple[Sizing, ...]:
    """One for each model of the study; raises SpecError for networks that are no decoders."""
    by_model: dict[str, list[TrialInfo]] = {}
    for trial in plan.trials:
        by_model.setdefault(trial.model, []).append(trial)
    return tuple(_sizing(model, plan, trials, card, _Here(artifacts, paths)) for model, trials in by_model.items())


@dataclass(frozen=True)
class _Here:
    """Where inventories and data are on this machine."""

    artifacts: Path
    paths: Mapping[str, Path]


def _sizing(model: str, plan: Plan, trials: Sequence[TrialInfo], card: Card, here: _Here) -> Sizing:
    specs = [TrialSpec.model_validate(trial.spec) for trial in trials]
    if not is_language_model(specs[0].architecture):
        raise SpecError(f"--gpu: {model} is no decoder, and the formulas are of decoders alone")
    shape = shape_of(specs[0].architecture, specs[0].options, here.artifacts, card.number)
    dataset = next(one for one in plan.datasets if one.identity() == specs[0].data)
    item_bytes = HALF_BYTES if any(spec.runs_in().dtype in HALF for spec in specs) else FP32_BYTES
    work = _Work(shape, dataset, card, item_bytes)
    own = [entry for entry in plan.criteria if entry.label in {trial.criterion for trial in trials}]
    is_evaluated = any(isinstance(one, OutcomeCollector) for one in plan.collectors)
    texts = [one for one in plan.collectors if isinstance(one, Generation)]
    seconds: dict[str, float] = {
        "select": sum(work.selecting_s(entry, trials) for entry in own),
        "evaluate": len(trials) * work.evaluating_s(here.paths) if is_evaluated else 0.0,
        "cost": len(trials) * sum(map(work.writing_s, texts)),
    }
    return Sizing(model, shape.params, work.stage_bytes(texts), seconds, tuple(_untold(plan, own)))


def shape_of(architecture: str, options: Options, artifacts: Path, cards: int = 1) -> Shape:
    """A decoder on the meta device, counted, and laid over so many cards."""
    kept = kept_inventory(artifacts / "inventory", architecture, options, {}, task=LanguageModelling.name)
    net = create(architecture, options, {}, device="meta")
    config, tokens = net.config, kept.input_size[0]
    layout = layout_of(net, cards) if cards > 1 else None
    held = (layout.fullest, layout.share) if layout else (kept.params, 1.0)
    return Shape(config, kept.params, kept.macs / tokens - _attention(config) * tokens, *held)


def _attention(config: Any) -> int:
    """MACs of one token for each place that it attends to: two products in every layer."""
    return int(2 * config.num_hidden_layers * config.num_attention_heads * head_dim(config))


@dataclass(frozen=True)
class _Work:
    """What one trial of a decoder, or one selection, takes of a card."""

    shape: Shape
    dataset: Dataset
    card: Card
    item_bytes: int

    def stage_bytes(self, texts: Sequence[Generation]) -> dict[str, float]:
        """At the fullest moment of each stage: the networks that it holds, and what passes through them.

        Of several cards the fullest, for which what passes is counted as if it were the first, where the logits are.
        """
        whole, pass_ = FP32_BYTES * self.shape.fullest, self.shape.pass_bytes(PASS_TOKENS)
        is_half = self.item_bytes < FP32_BYTES
        half = self.item_bytes * self.shape.fullest if is_half else 0  # a copy in the runtime's numbers
        copying = whole if is_half else 0  # which is made in fp32 before it is made smaller
        written = max(map(self._text_bytes, texts), default=0.0)
        return {
            "prepare": whole,
            "select": whole + pass_,
            "recover": 2 * whole + pass_,  # a removed network beside the whole one
            "evaluate": 2 * whole + max(copying, half + pass_),
            "cost": 2 * whole + half + max(copying, half + written),
        }

    def _text_bytes(self, texts: Generation) -> float:
        read = self.shape.block_bytes(texts.batch * texts.prompt) * self.item_bytes / FP32_BYTES
        return self.shape.cache_bytes(self.item_bytes, texts) * self.shape.share + read

    def selecting_s(self, entry: CriterionEntry, trials: Sequence[TrialInfo]) -> float:
        """Passes of a criterion's selections over their calibration items, in fp32."""
        own = [trial for trial in trials if trial.criterion == entry.label]
        items, passes = entry.plugin.calibration_items, passes_of(entry, own)
        if not passes or items is None:
            return 0.0
        once = 2 * self.shape.macs_of(items * self._context, self._context) / (BUSY * self.card.fp32)
        return len({(trial.target, trial.selection_seed) for trial in own}) * passes * once

    def evaluating_s(self, paths: Mapping[str, Path]) -> float:
        """Validation and test once in fp32, and once more in the runtime's numbers where they are smaller."""
        data = self.dataset.load(paths, TextInput(self.shape.config.vocab_size))
        parts = [data.parts[part] for part in SPLITS]
        tokens = sum(batch.inputs.numel() for part in parts for batch in part.batches(part.at_once(len(part))))
        once = 2 * self.shape.macs_of(tokens, self._context) / BUSY
        return once / self.card.fp32 + (once / self.card.half if self.item_bytes < FP32_BYTES else 0.0)

    def writing_s(self, texts: Generation) -> float:
        """Texts of both networks: prompts at the rate of products, every later token at that of the memory."""
        number = 2 * (texts.rounds * texts.pairs + texts.warmup + 1)
        rate = self.card.half if self.item_bytes < FP32_BYTES else self.card.fp32
        prompt = 2 * self.shape.macs_of(texts.batch * texts.prompt, texts.prompt) / (BUSY * rate)
        read = self.item_bytes * self.shape.params + self.shape.cache_bytes(self.item_bytes, texts)
        return number * (prompt + texts.new * read / (STREAMED * self.card.bandwidth))

    @property
    def _context(self) -> int:
        found = dict(self.dataset).get("context")
        return found if isinstance(found, int) else EXAMPLE


def passes_of(entry: CriterionEntry, trials: Sequence[TrialInfo]) -> int | None:
    """Passes over the calibration items that a selection takes; None where that follows from its values."""
    if not entry.plugin.needs_calibration:
        return 0
    search, once = entry.found_search, 1 + 2 * entry.plugin.backward_passes
    if isinstance(search, Iterative):
        most = max((trial.of or 1 for trial in trials), default=1) - 1
        return min(search.up_to or most, most) * once
    return once if search.name in ("one_shot", "consecutive") else None


def _untold(plan: Plan, entries: Sequence[CriterionEntry]) -> Iterator[str]:
    """What takes time that no formula here tells."""
    for entry in entries:
        is_told = passes_of(entry, ()) is not None and entry.plugin.calibration_items is not None
        if entry.plugin.needs_calibration and not is_told:
            yield entry.label
    yield from (one.name for one in plan.collectors if one.name in UNTOLD)
