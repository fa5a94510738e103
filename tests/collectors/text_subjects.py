"""Subjects of small decoders: the whole one beside one without the attention of some blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from conftest import FakeClock
from tiny_decoder import tiny_decoder
from torch import nn

from harness.collectors.base import Single, Subject
from harness.families.catalogue import sublayers_named
from harness.surgery import remove
from harness.tasks.base import Batch
from harness.tasks.language_modelling import LanguageModelling


def without_attention(net: nn.Module, *blocks: int) -> nn.Module:
    """A copy of a Llama in which these blocks attend to nothing."""
    names = [f"model.layers.{block}.self_attn" for block in blocks]
    return remove(net, sublayers_named(net, names), "skip")


def text_subject(*removed: int, net: nn.Module | None = None) -> Subject:
    """A decoder of two blocks beside itself without the attention of some."""
    whole = tiny_decoder() if net is None else net
    task = LanguageModelling()
    names = [name for name, _ in whole.named_modules() if name.endswith("self_attn")]
    subject = Subject(
        candidate=without_attention(whole, *removed),
        baseline=whole,
        task=task,
        example=partial(_example, whole),
        device="cpu",
    )
    singles = {
        name: Single("attention", depth, 0, 0, partial(without_attention, whole, depth))
        for depth, name in enumerate(names)
    }
    return replace(subject, singles=singles)


def _example(net: nn.Module, items: int) -> Batch:
    task = LanguageModelling()
    return task.example(task.input_config(net), items, "cpu")


class Paced:
    """Runs a network, and lets a stated time pass: one for a prompt, one for every token after it."""

    def __init__(
        self, net: nn.Module, clock: FakeClock, prompt_s: float, token_s: Iterator[float], log: list[str]
    ) -> None:
        self.net, self.clock, self.prompt_s, self.token_s, self.log = net, clock, prompt_s, token_s, log

    def __call__(self, tokens: Any, **options: Any) -> Any:
        is_prompt = tokens.shape[1] > 1
        self.clock.advance(self.prompt_s if is_prompt else next(self.token_s))
        if is_prompt:
            self.log.append("candidate" if self.prompt_s < 1 else "baseline")
        return self.net(tokens, **options)


def paced(clock: FakeClock, log: list[str], token_s: Iterator[float]) -> Subject:
    """A baseline of 2 s for a prompt and 0.5 s for a token, a candidate of 0.5 s and whatever it is told."""
    subject = text_subject(1)

    def compiled(net: nn.Module) -> Any:
        if net is subject.candidate:
            return Paced(net, clock, 0.5, token_s, log)
        return Paced(net, clock, 2.0, iter(lambda: 0.5, None), log)

    return replace(subject, compiled=compiled)
