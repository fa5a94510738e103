"""Activations against the formula of a transformer, and fvcore's count of an unfused one."""

from __future__ import annotations

import warnings

import pytest
import torch
from conftest import FakeClock
from subjects import example, subject_of
from torch import nn

from harness.collectors.activations import Activations
from harness.tasks.base import Batch

TOKENS, WIDTH, HEADS, DEPTH, CLASSES = 17, 32, 2, 3, 10
ATTENTION = TOKENS * 3 * WIDTH + HEADS * TOKENS**2 + 2 * TOKENS * WIDTH
MLP = TOKENS * 5 * WIDTH
EXPECTED = 16 * WIDTH + DEPTH * (ATTENTION + MLP) + CLASSES


def test_activations_are_those_of_the_formula(tiny_net: nn.Module) -> None:
    (found,) = Activations().collect(subject_of(tiny_net, tiny_net), FakeClock())
    assert (found.value, found.details["baseline"], found.warnings) == (EXPECTED, EXPECTED, ())
    assert found.details["input"] == "one made-up item"


def test_they_are_what_fvcore_counts_without_fused_attention(tiny_net: nn.Module) -> None:
    for module in tiny_net.modules():
        if hasattr(module, "fused_attn"):
            setattr(module, "fused_attn", False)  # noqa: B010  # a plain attribute of timm's attention
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fvcore.nn.activation_count import ActivationCountAnalysis

        analysis = ActivationCountAnalysis(tiny_net, example(1).inputs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        assert analysis.total() == EXPECTED


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_elements_do_not_depend_on_their_precision(tiny_net: nn.Module, dtype: torch.dtype) -> None:
    net = tiny_net.to(dtype)
    subject = subject_of(net, net, lambda items: Batch(example(items).inputs.to(dtype), example(items).targets))
    (found,) = Activations().collect(subject, FakeClock())
    assert found.value == EXPECTED


def test_a_removed_sublayer_gives_nothing_out(tiny_net: nn.Module) -> None:
    from harness.families.catalogue import family_of
    from harness.surgery import remove

    attention = next(s for s in family_of(tiny_net).sublayers(tiny_net) if s.kind == "attention")
    (found,) = Activations().collect(subject_of(remove(tiny_net, [attention], "skip"), tiny_net), FakeClock())
    assert (found.value, found.details["baseline"]) == (EXPECTED - ATTENTION, EXPECTED)
