"""MACs of a token against a formula of its own, for a decoder whose query heads share keys and values."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import FakeClock
from text_subjects import text_subject
from tiny_decoder import tiny_decoder

from harness.collectors.token_macs import TokenMacs

SHAPE = {"num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 24, "intermediate_size": 40}
WIDE, HEADS, KV_HEADS, SIZE, HIDDEN, VOCABULARY = 24, 4, 2, 6, 40, 32


def by_hand(context: int, attentions: int, blocks: int = 2) -> dict[str, float]:
    """Of a token on average while a prompt is read, and of the one after it."""
    attention = WIDE * SIZE * (HEADS + 2 * KV_HEADS) + HEADS * SIZE * WIDE
    mlp = 3 * WIDE * HIDDEN
    head = WIDE * VOCABULARY
    maps = attentions * attention + blocks * mlp

    def seen(keys: int) -> int:
        return attentions * 2 * HEADS * SIZE * keys

    return {
        "prefill_macs_per_token": maps + seen(context) + head / context,
        "decode_macs_per_token": maps + seen(context + 1) + head,
    }


@pytest.mark.parametrize("removed", [(), (0,), (0, 1)], ids=str)
@pytest.mark.parametrize("context", [1, 9])
def test_the_count_is_the_formula(context: int, removed: tuple[int, ...]) -> None:
    subject = text_subject(*removed, net=tiny_decoder(**SHAPE))
    found = TokenMacs(context=context).collect(subject, FakeClock())
    assert {one.metric: one.value for one in found} == by_hand(context, 2 - len(removed))
    assert {one.metric: one.details["baseline"] for one in found} == by_hand(context, 2)
    assert all(one.warnings == () for one in found)


def test_several_contexts_are_told_apart() -> None:
    asked = TokenMacs(context=(4, 8)).asked()
    assert [a.at for a in asked] == [{"context": 4}, {"context": 4}, {"context": 8}, {"context": 8}]


def test_a_context_stands_once() -> None:
    with pytest.raises(ValueError, match="names a size twice"):
        TokenMacs(context=(4, 4))


def test_a_context_beyond_the_networks_is_null_with_the_reason() -> None:
    found: Any = TokenMacs(context=(4, 24)).collect(text_subject(), FakeClock())
    assert [one.value is None for one in found] == [False, False, True, True]
    assert "25 tokens" in found[-1].reason
