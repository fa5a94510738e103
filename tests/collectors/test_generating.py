"""Greedy generation over a cache gives what the whole text read anew gives, and what transformers' own loop gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from subjects import example, subject_of
from text_subjects import text_subject, without_attention
from tiny_decoder import CONTEXT, tiny_decoder
from torch import Tensor, nn

from harness.collectors.cached_bytes import held_bytes
from harness.collectors.energy import Energy
from harness.collectors.generating import Reader, cache_for, generate, misfit, no_room, prompts
from harness.models import create
from harness.schema import Options

FALCON: Options = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 32,
    "parallel_attn": False, "alibi": True,
}  # fmt: skip


def read_anew(net: nn.Module, prompt: Tensor, new: int) -> Tensor:
    """The same without a cache: every token from the whole text before it."""
    text = prompt
    for _ in range(new):
        text = torch.cat([text, net(text, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
    return text[:, prompt.shape[1] :]


@pytest.mark.parametrize("removed", [(), (0,), (1,), (0, 1)], ids=str)
def test_the_cache_changes_no_token(removed: tuple[int, ...]) -> None:
    subject = text_subject(*removed)
    prompt = prompts(subject, batch=3, length=5)
    with torch.inference_mode():
        assert torch.equal(generate(subject.candidate, prompt, 9), read_anew(subject.candidate, prompt, 9))


@pytest.mark.parametrize("removed", [(), (0,), (0, 1)], ids=str)
def test_a_cache_of_one_size_changes_no_token(removed: tuple[int, ...]) -> None:
    subject = text_subject(*removed)
    prompt = prompts(subject, batch=3, length=5)
    with torch.inference_mode():
        found = generate(subject.candidate, prompt, 9, "static")
        assert torch.equal(found, generate(subject.candidate, prompt, 9))


def test_a_cache_of_one_size_is_used_for_text_after_text_in_the_same_memory() -> None:
    net: Any = without_attention(tiny_decoder(), 1)
    reader = Reader(net, cache_for(net, 8, "static"))
    first, second = prompts(text_subject(), batch=2, length=5).chunk(2)
    with torch.inference_mode():
        alone = [Reader(net, cache_for(net, 8, "static")).read(text) for text in (first, second)]
        found, places = [], []
        for text in (first, second):
            reader.begin()
            found.append(reader.read(text))
            places.append(reader.cache.layers[0].keys.data_ptr())
    assert torch.equal(torch.cat(found), torch.cat(alone))
    assert places[0] == places[1]
    assert [held_bytes(layer) for layer in reader.cache.layers] == [1 * 1 * 8 * 8 * 2 * 4, 0]


def test_a_network_that_reads_no_cache_of_one_size_is_told() -> None:
    net = create("hf-config:falcon", FALCON, {}, device="meta")
    subject = text_subject(net=net)
    assert "FalconForCausalLM of transformers does not read a cache of one size" in (no_room(subject, "static") or "")
    assert no_room(subject, "dynamic") is None
    assert no_room(text_subject(), "static") is None


def test_the_loop_is_that_of_transformers_without_its_end_of_text() -> None:
    net: Any = without_attention(tiny_decoder(), 1)
    prompt = prompts(text_subject(), batch=2, length=4)
    net.generation_config.eos_token_id = None
    theirs = net.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=7, do_sample=False)
    with torch.inference_mode():
        assert torch.equal(generate(net, prompt, 7), theirs[:, 4:])


def test_prompts_are_the_same_at_every_call_and_within_the_vocabulary() -> None:
    subject = text_subject()
    first, again = prompts(subject, 4, 6), prompts(subject, 4, 6)
    assert torch.equal(first, again)
    assert first.shape == (4, 6)
    assert 0 <= int(first.min()) <= int(first.max()) < 32


def test_a_network_that_tells_no_next_token_is_told(tiny_net: nn.Module) -> None:
    assert "only a network that tells the next token" in (misfit(subject_of(tiny_net, tiny_net, example), 3) or "")


def test_a_text_longer_than_the_context_is_told() -> None:
    assert misfit(text_subject(), CONTEXT) is None
    assert "25 tokens, prompt included, and the network takes 24" in (misfit(text_subject(), CONTEXT + 1) or "")


def test_a_prompt_without_a_text_is_told() -> None:
    with pytest.raises(ValueError, match="say with new how many"):
        Energy(prompt=4)
