"""Speed of generation by a clock that is told what each token takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from conftest import FakeClock
from text_subjects import paced, text_subject

from harness.collectors.generation import Generation
from harness.device import IdleClock
from harness.records import Measurement

OPTIONS: dict[str, Any] = {"batch": 2, "prompt": 6, "new": 4, "rounds": 2, "pairs": 3}


def measured(clock: FakeClock, token_s: Iterator[float], **options: Any) -> dict[str, Measurement]:
    found = Generation(**{**OPTIONS, **options}).collect(paced(clock, [], token_s), clock)
    return {one.metric: one for one in found}


def steady() -> Iterator[float]:
    return iter(lambda: 0.25, None)


def test_rates_are_tokens_by_seconds(clock: FakeClock) -> None:
    found = measured(clock, steady())
    assert found["first_token_s"].value == 0.5
    assert found["first_token_s"].baseline_samples == (2.0,) * 6
    assert found["prefill_tokens_per_s"].value == 2 * 6 / 0.5
    assert found["decode_tokens_per_s"].value == 2 / 0.25
    assert found["decode_tokens_per_s"].baseline_samples == (2 / 0.5,) * 6
    assert found["decode_tokens_per_s"].rounds == (0, 0, 0, 1, 1, 1)
    assert {one.quality for one in found.values()} == {"ok"}


def test_a_rate_of_decoding_is_of_all_tokens_but_the_first(clock: FakeClock) -> None:
    slower = (0.1 + 0.1 * (number % 3) for number in count())
    found = measured(clock, slower)["decode_tokens_per_s"]
    assert found.value == pytest.approx(2 / 0.2)
    assert found.samples == pytest.approx((2 / 0.2,) * 6)


def test_percentiles_are_those_of_single_tokens(clock: FakeClock) -> None:
    slower = (0.1 + 0.1 * (number % 3) for number in count())
    times: Any = measured(clock, slower)["decode_tokens_per_s"].details["token_s"]
    assert times["p50"] == pytest.approx(0.2)
    assert times["p99"] == pytest.approx(0.3)


def test_both_write_in_turn_and_every_second_round_turns_round(clock: FakeClock) -> None:
    log: list[str] = []
    Generation(**OPTIONS).collect(paced(clock, log, steady()), clock)
    cold, warm, samples = log[:2], log[2:-12], log[-12:]
    assert cold == ["baseline", "candidate"]
    assert warm == ["baseline", "candidate"] * (len(warm) // 2)
    assert len(warm) // 2 >= 2
    assert samples == ["baseline", "candidate"] * 3 + ["candidate", "baseline"] * 3


def test_a_warm_up_that_never_settles_ends_and_is_told(clock: FakeClock) -> None:
    faster = (1 / (1 + number) for number in count())
    found = measured(clock, faster, warmup_limit_s=60.0)["decode_tokens_per_s"]
    assert any("steps of warm-up" in warning for warning in found.warnings)


def test_the_at_states_batch_and_lengths_even_at_their_defaults() -> None:
    assert {(a.metric, *sorted(a.at.items())) for a in Generation().asked()} == {
        (metric, ("batch", 1), ("new", 32), ("prompt", 128))
        for metric in ("prefill_tokens_per_s", "decode_tokens_per_s", "first_token_s")
    }
    assert Generation(rounds=4).asked()[0].at == {"batch": 1, "prompt": 128, "new": 32, "rounds": 4}


def test_the_cache_is_told_where_it_is_not_the_usual_one() -> None:
    found = Generation(**{**OPTIONS, "cache": "static"}).collect(text_subject(1), IdleClock("cpu"))
    assert found[0].at == {"batch": 2, "prompt": 6, "new": 4, "rounds": 2, "cache": "static"}
    assert all(one.value for one in found)


def test_a_text_that_does_not_fit_the_context_is_null_with_the_reason(clock: FakeClock) -> None:
    found = Generation(prompt=20, new=10).collect(text_subject(), clock)
    assert [one.value for one in found] == [None] * 3
    assert all("takes 24 at most" in (one.reason or "") for one in found)
