"""Greedy generation over a network's own cache of keys and values, one token at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from harness.collectors.base import Subject
from harness.collectors.identities import at_batch
from harness.schema import Options, Plugin
from harness.tasks.language_modelling import LanguageModelling

if TYPE_CHECKING:
    from torch import Tensor

Keeping: TypeAlias = Literal["dynamic", "static"]
CACHE_WORDS = ("cache", "past_key_values")  # what transformers calls it: its newer name, and that of version 4
SEED = 0


class Lengths(Plugin):
    """Options of a collector of texts that are written: how many side by side, and how long they are."""

    batch: int = Field(1, ge=1, description="texts that are written side by side")
    prompt: int = Field(128, ge=1, description="tokens of the prompt, drawn with a seed from the whole vocabulary")
    new: int = Field(32, ge=0, description="tokens after it, all of them read")

    def unfit(self, task: str, limits: Mapping[str, int]) -> str:
        """Why no text of these lengths can be written."""
        return too_long(self.prompt + self.new, limits.get("context"))

    def lengths(self) -> Options:
        """The `at` of what is measured of these texts."""
        return at_lengths(self, self.batch, self.prompt, self.new)


class Writing(Plugin):
    """Options of a collector whose step is a forward pass or, where it is asked to, the writing of a text."""

    prompt: int = Field(128, ge=1, description="tokens of the prompt, where tokens are generated after it")
    new: int = Field(0, ge=0, description="tokens that a step generates after a prompt; 0: it is one forward pass")

    @model_validator(mode="after")
    def _prompts_a_text(self) -> Writing:
        if "prompt" in self.model_fields_set and not self.new:
            raise ValueError("prompt begins a text, and none is written; say with new how many tokens are")
        return self

    def unfit(self, task: str, limits: Mapping[str, int]) -> str:
        """Why no text can be written where one is asked for."""
        if self.new and task != LanguageModelling.name:
            return f"new: texts are written by language models, and the data is for {task}"
        return too_long(self.prompt + self.new, limits.get("context")) if self.new else ""

    def step_at(self, batch: int) -> Options:
        """The `at` of what is measured of such a step."""
        return at_lengths(self, batch, self.prompt, self.new) if self.new else at_batch(self, batch)

    def step_misfit(self, subject: Subject) -> str | None:
        """Why these networks cannot take such a step; None where they can."""
        return misfit(subject, self.prompt + self.new) if self.new else None

    def steps(self, subject: Subject, batch: int) -> list[Callable[[], object]]:
        """A step of the candidate, and one of the baseline."""
        nets = (subject.candidate, subject.baseline)
        if not self.new:
            inputs = subject.example(batch)
            return [subject.step(net, inputs) for net in nets]
        tokens = prompts(subject, batch, self.prompt)
        return [partial(generate, subject.compiled(net), tokens, self.new) for net in nets]


def at_lengths(collector: Plugin, batch: int, prompt: int, new: int) -> Options:
    """The `at` of what is measured of a text: batch and lengths always, other options where they are set."""
    stated: Options = {"batch": batch, "prompt": prompt, "new": new}
    return stated | {key: value for key, value in at_batch(collector, batch).items() if key not in stated}


def misfit(subject: Subject, tokens: int) -> str | None:
    """Why these networks cannot write texts of so many tokens, in a sentence; None where they can."""
    can_write: Any = getattr(subject.baseline, "can_generate", lambda: False)
    if not isinstance(subject.task, LanguageModelling) or not can_write():
        return "no_decoder: only a network that tells the next token, and caches what it has read, writes text"
    return too_long(tokens, subject.task.input_config(subject.baseline).context) or None


def too_long(tokens: int, context: int | None) -> str:
    """Why a network that takes so many tokens, or any number of them, cannot write a text; empty where it can."""
    if context is None or tokens <= context:
        return ""
    return f"a text of {tokens:,} tokens, prompt included, and the network takes {context:,} at most"


def no_room(subject: Subject, keeping: Keeping) -> str | None:
    """Why these networks cannot write over such a cache, in a sentence; None where they can."""
    net: Any = subject.baseline
    # Falcon's slopes of distance are made for the tokens that there are, not for those that there is room for.
    has_room = getattr(net, "_can_compile_fullgraph", False) and not getattr(net.config, "alibi", False)
    if keeping == "dynamic" or has_room:
        return None
    return f"static_cache: {type(net).__name__} of transformers does not read a cache of one size; leave `cache` out"


def cache_for(net: Any, tokens: int, keeping: Keeping) -> Any:
    """An empty cache with room for `tokens` of a text, in memory that is taken once; None: the network makes its own.

    `reset` empties it again, and its memory stays where it is, as graphs of a GPU want it. What a removed attention
    would keep there takes no byte.
    """
    if keeping == "dynamic":
        return None
    from transformers import StaticCache

    return StaticCache(config=net.config, max_cache_len=tokens)


def prompts(subject: Subject, batch: int, length: int) -> Tensor:
    """Token ids (batch, length) on the subject's device, always the same; what they say matters to no cost."""
    import torch

    vocabulary = LanguageModelling().input_config(subject.baseline).vocabulary
    generator = torch.Generator().manual_seed(SEED)
    return torch.randint(vocabulary, (batch, length), generator=generator).to(subject.device)


@dataclass
class Reader:
    """Reads tokens after those that it read before, which stand in a cache: `room`, or one that the network makes."""

    net: Callable[..., Any]
    room: Any = None
    cache: Any = None
    _word: str = CACHE_WORDS[0]

    def __post_init__(self) -> None:
        self.cache = self.room

    def begin(self) -> None:
        """Another text, of which nothing has been read."""
        self.cache = self.room
        if self.room is not None:
            self.room.reset()

    def read(self, tokens: Tensor) -> Tensor:
        """The likeliest token after `tokens` (n, length), (n, 1); the first on equal terms."""
        held = {} if self.cache is None else {self._word: self.cache}
        outputs = self.net(tokens, use_cache=True, logits_to_keep=1, **held)
        self._word = next(word for word in CACHE_WORDS if word in outputs)
        self.cache = outputs[self._word]
        likeliest: Tensor = outputs.logits[:, -1:].argmax(-1)
        return likeliest


def generate(net: Callable[..., Any], prompt: Tensor, new: int, keeping: Keeping = "dynamic") -> Tensor:
    """`new` tokens after a prompt (n, length), each the likeliest, (n, new); the last is never read itself."""
    import torch

    reader, token = Reader(net, cache_for(net, prompt.shape[1] + new, keeping)), prompt
    found = []
    for _ in range(new):
        token = reader.read(token)
        found.append(token)
    return torch.cat(found, dim=1)
