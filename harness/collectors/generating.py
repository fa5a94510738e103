"""Greedy generation over a network's own cache of keys and values, one token at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from harness.collectors.base import Subject
from harness.collectors.identities import at_batch
from harness.schema import Options, Plugin
from harness.tasks.language_modelling import LanguageModelling

if TYPE_CHECKING:
    from torch import Tensor

CACHE_WORDS = ("cache", "past_key_values")  # what transformers calls it: its newer name, and that of version 4
SEED = 0


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
        return "no_decoder: only a network that tells the next token writes text"
    return too_long(tokens, subject.task.input_config(subject.baseline).context) or None


def too_long(tokens: int, context: int | None) -> str:
    """Why a network that takes so many tokens, or any number of them, cannot write a text; empty where it can."""
    if context is None or tokens <= context:
        return ""
    return f"a text of {tokens:,} tokens, prompt included, and the network takes {context:,} at most"


def prompts(subject: Subject, batch: int, length: int) -> Tensor:
    """Token ids (batch, length) on the subject's device, always the same; what they say matters to no cost."""
    import torch

    vocabulary = LanguageModelling().input_config(subject.baseline).vocabulary
    generator = torch.Generator().manual_seed(SEED)
    return torch.randint(vocabulary, (batch, length), generator=generator).to(subject.device)


@dataclass
class Reader:
    """Reads tokens after those that it read before, which stand in a cache that the network made itself."""

    net: Callable[..., Any]
    cache: Any = None
    _word: str = CACHE_WORDS[0]

    def read(self, tokens: Tensor) -> Tensor:
        """The likeliest token after `tokens` (n, length), (n, 1); the first on equal terms."""
        held = {} if self.cache is None else {self._word: self.cache}
        outputs = self.net(tokens, use_cache=True, logits_to_keep=1, **held)
        self._word = next(word for word in CACHE_WORDS if word in outputs)
        self.cache = outputs[self._word]
        likeliest: Tensor = outputs.logits[:, -1:].argmax(-1)
        return likeliest


def generate(net: Callable[..., Any], prompt: Tensor, new: int) -> Tensor:
    """`new` tokens after a prompt (n, length), each the likeliest, (n, new); the last is never read itself."""
    import torch

    reader, token = Reader(net), prompt
    found = []
    for _ in range(new):
        token = reader.read(token)
        found.append(token)
    return torch.cat(found, dim=1)
