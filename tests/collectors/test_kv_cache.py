"""The cache of a decoder: formula and real cache agree, and an attention that is gone has no entry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import FakeClock
from text_subjects import text_subject
from torch import nn

from harness.collectors.base import Subject
from harness.collectors.cached_bytes import held_bytes
from harness.collectors.generating import Reader, prompts
from harness.collectors.kv_cache import KvCache
from harness.models import create, resolved
from harness.records import Measurement

CONFIGS = Path(__file__).parents[2] / "studies" / "full" / "configs"
OPTIONS: dict[str, Any] = {"batch": 3, "prompt": 7, "new": 5}


def measured(subject: Subject, **options: Any) -> Measurement:
    (found,) = KvCache(**{**OPTIONS, **options}).collect(subject, FakeClock())
    return found


def by_hand(layers: int, item_bytes: int = 4) -> int:
    """Keys and values of 3 texts of 12 tokens: one key-value head of 8 numbers."""
    return 2 * layers * 1 * 8 * item_bytes * 3 * 12


@pytest.mark.parametrize(("removed", "left"), [((), 2), ((0,), 1), ((1,), 1), ((0, 1), 0)], ids=str)
def test_fact_8_a_removed_attention_keeps_nothing(removed: tuple[int, ...], left: int) -> None:
    found = measured(text_subject(*removed))
    assert found.value == found.details["formula_bytes"] == by_hand(left)
    assert found.details["layers"] == left
    assert found.details["baseline"] == by_hand(2)
    assert found.warnings == ()


def test_every_attention_that_is_left_is_told_apart() -> None:
    assert measured(text_subject(0)).by_sublayer == {"model.layers.1.self_attn": by_hand(1)}


def test_numbers_are_as_wide_as_the_runtime_makes_them() -> None:
    subject = text_subject()
    half = replace(subject, candidate=subject.candidate.to(torch.bfloat16))
    assert measured(half).value == by_hand(2, item_bytes=2)


@pytest.mark.parametrize("removed", [(), (0,)], ids=str)
def test_what_is_run_without_values_is_what_a_real_run_keeps(removed: tuple[int, ...]) -> None:
    subject = text_subject(*removed)
    reader, token = Reader(subject.candidate), prompts(subject, 3, 7)
    with torch.inference_mode():
        for _ in range(6):
            token = reader.read(token)
    assert sum(map(held_bytes, reader.cache.layers)) == measured(subject).value


def test_a_prompt_alone_is_counted_without_what_would_follow() -> None:
    assert measured(text_subject(), prompt=12, new=0).value == by_hand(2)


def test_a_network_that_cannot_run_without_values_is_run_with_them() -> None:
    found = measured(text_subject(net=mixtral()))
    assert found.value == found.details["formula_bytes"] == by_hand(2)


def mixtral() -> nn.Module:
    from transformers import MixtralConfig, MixtralForCausalLM

    heads: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 1, "num_local_experts": 2}
    shape: dict[str, Any] = {"vocab_size": 32, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    net: nn.Module = MixtralForCausalLM(MixtralConfig(**shape, **heads, max_position_embeddings=24))
    return net.eval()


@pytest.mark.parametrize(
    ("name", "batch", "whole", "gone", "left"),
    [("mistral_7b", 64, 16, 12, 10), ("llama_2_13b", 32, 50, 20, 25)],
)
def test_fact_7_networks_of_full_size_keep_what_the_paper_says(
    name: str, batch: int, whole: int, gone: int, left: int
) -> None:
    asked = resolved(f"hf-config:{CONFIGS / name}.json", {})
    net = create(asked.architecture, asked.options, {}, device="meta").to(torch.bfloat16)
    found = measured(text_subject(*range(1, 1 + gone), net=net), batch=batch, prompt=2048, new=0)
    assert (found.details["baseline"], found.value) == (whole << 30, left << 30)
    assert found.warnings == ()


def test_a_cache_that_is_no_plain_one_is_told() -> None:
    subject = text_subject()
    subject.candidate.config.num_key_value_heads = 2  # type: ignore[union-attr]  # the network has one
    assert any("the formula gives" in warning for warning in measured(subject).warnings)
