"""Generation on a real GPU: half precision, the cache and the peak of a text, energy of its tokens."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import pytest
import torch
from text_subjects import text_subject
from tiny_decoder import tiny_decoder

from harness.collectors.base import Subject
from harness.collectors.cached_bytes import held_bytes
from harness.collectors.energy import Energy
from harness.collectors.generating import Reader, prompts
from harness.collectors.generation import Generation
from harness.collectors.kv_cache import KvCache
from harness.collectors.memory import Memory
from harness.device import IdleClock

pytestmark = pytest.mark.gpu

GPU = "cuda:0"
LENGTHS: dict[str, Any] = {"batch": 16, "prompt": 512, "new": 64}
SHAPE = {
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_hidden_layers": 8,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "max_position_embeddings": 1024,
}


@pytest.fixture(scope="module")
def subject() -> Subject:
    """A decoder of 8 blocks in bf16 beside itself without the attention of four."""
    made = text_subject(1, 3, 5, 7, net=tiny_decoder(**SHAPE).to(GPU, torch.bfloat16))
    return replace(made, device=GPU)


def test_less_attention_writes_faster_and_the_gpus_events_agree(subject: Subject) -> None:
    found = {one.metric: one for one in Generation(**LENGTHS).collect(subject, IdleClock(GPU))}
    decode = found["decode_tokens_per_s"]
    assert statistics.median(decode.samples) > statistics.median(decode.baseline_samples)
    p50, on_device = decode.details["p50"], decode.details["device_p50"]
    assert isinstance(p50, float)
    assert isinstance(on_device, float)
    assert 0 < on_device <= p50 * 1.05
    assert decode.details["dtype"] == "bfloat16"


def test_the_cache_of_a_real_run_is_the_counted_one(subject: Subject) -> None:
    reader, token = Reader(subject.candidate), prompts(subject, 16, 512)
    with torch.inference_mode():
        for _ in range(65):
            token = reader.read(token)
    (found,) = KvCache(**LENGTHS).collect(subject, IdleClock(GPU))
    assert sum(map(held_bytes, reader.cache.layers)) == found.value == found.details["formula_bytes"]


def test_the_peak_of_a_text_holds_its_cache(subject: Subject) -> None:
    (peak,) = Memory(**LENGTHS).collect(subject, IdleClock(GPU))
    (cache,) = KvCache(**LENGTHS).collect(subject, IdleClock(GPU))
    assert peak.value is not None
    assert cache.value is not None
    assert peak.value > 0.9 * cache.value
    assert min(peak.baseline_samples) > peak.value


def test_tokens_take_energy_or_a_reason_is_told(subject: Subject) -> None:
    total, _ = Energy(**LENGTHS, windows=1).collect(subject, IdleClock(GPU))
    assert total.metric == "energy_j_per_token"
    assert total.value is None or 1e-6 < total.value < 10
    assert total.value is not None or total.reason
