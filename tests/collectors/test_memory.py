"""Peak memory of networks that take a known amount."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from conftest import FakeClock
from subjects import subject_of
from text_subjects import text_subject
from torch import Tensor, nn

from harness.collectors.memory import Memory

MIB = 2**20
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Hungry(nn.Module):
    """Takes `mib` MiB for the length of a step."""

    def __init__(self, mib: int) -> None:
        super().__init__()
        self.mib = mib

    def forward(self, inputs: Tensor) -> Tensor:
        torch.ones(self.mib * MIB, dtype=torch.uint8)
        return inputs


@linux
def test_a_known_buffer_is_seen_beside_the_baselines() -> None:
    (found,) = Memory().collect(subject_of(Hungry(32), Hungry(64)), FakeClock())
    assert found.value == pytest.approx(32 * MIB, rel=0.1)
    assert found.samples == pytest.approx([32 * MIB] * 3, rel=0.1)
    assert found.baseline_samples == pytest.approx([64 * MIB] * 3, rel=0.1)


@linux
def test_what_is_too_small_to_see_is_null_and_not_zero() -> None:
    (found,) = Memory().collect(subject_of(Hungry(0), Hungry(64)), FakeClock())
    assert found.value is None
    assert found.samples == found.baseline_samples == ()
    assert (found.reason or "").startswith("below resolution")


@linux
def test_a_small_baseline_does_not_hide_the_candidate() -> None:
    (found,) = Memory().collect(subject_of(Hungry(64), Hungry(0)), FakeClock())
    assert found.value == pytest.approx(64 * MIB, rel=0.1)
    assert found.baseline_samples == ()
    assert str(found.details["baseline_null_because"]).startswith("below resolution")


def test_the_weights_are_in_the_details() -> None:
    (found,) = Memory(batch=2, repeats=1).collect(subject_of(nn.Linear(8, 8), nn.Linear(8, 16)), FakeClock())
    assert found.details["weights_bytes"] == 4 * 72
    assert found.details["baseline_weights_bytes"] == 4 * 144


@linux
def test_with_new_tokens_a_step_is_the_writing_of_a_text() -> None:
    subject = text_subject(0)

    def compiled(net: nn.Module) -> Any:
        return Greedy(net, 48 if net is subject.candidate else 96)

    (found,) = Memory(batch=2, prompt=4, new=3).collect(replace(subject, compiled=compiled), FakeClock())
    assert found.at == {"batch": 2, "prompt": 4, "new": 3, "revision": 2}
    assert found.value == pytest.approx(48 * MIB, rel=0.1)
    assert found.baseline_samples == pytest.approx([96 * MIB] * 3, rel=0.1)


class Greedy:
    """A decoder that takes `mib` MiB while it reads a single token after others."""

    def __init__(self, net: nn.Module, mib: int) -> None:
        self.net, self.mib = net, mib

    def __call__(self, tokens: Tensor, **options: Any) -> Any:
        if tokens.shape[1] == 1:
            torch.ones(self.mib * MIB, dtype=torch.uint8)
        return self.net(tokens, **options)


def test_a_text_that_does_not_fit_is_null_with_the_reason() -> None:
    (found,) = Memory(prompt=20, new=10).collect(text_subject(0), FakeClock())
    assert found.value is None
    assert "takes 24 at most" in (found.reason or "")
