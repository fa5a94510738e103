"""MACs against the formula of a transformer, and the two other counters."""

from __future__ import annotations

import logging
import sys

import pytest
import torch
from conftest import FakeClock
from subjects import example, subject_of
from torch import Tensor, nn

from harness.collectors.cross_checks import cross_check
from harness.collectors.macs import Macs
from harness.models import content_of
from harness.records import Measurement
from harness.tasks.base import Batch

TOKENS, WIDTH, DEPTH, CLASSES = 17, 32, 3, 10
ATTENTION = TOKENS * WIDTH * 4 * WIDTH + 2 * TOKENS**2 * WIDTH
MLP = 2 * TOKENS * WIDTH * 4 * WIDTH
EXPECTED = 16 * 4 * WIDTH + DEPTH * (ATTENTION + MLP) + WIDTH * CLASSES
NORMS = 5 * (2 * DEPTH + 1) * TOKENS * WIDTH
BIASES = 16 * WIDTH + DEPTH * TOKENS * (3 + 1 + 4 + 1) * WIDTH + CLASSES


def collected(net: nn.Module, **options: bool) -> tuple[Measurement, ...]:
    return Macs(**options).collect(subject_of(net, net), FakeClock())


def test_macs_are_those_of_the_formula_and_flops_are_twice(tiny_net: nn.Module) -> None:
    macs, flops = collected(tiny_net, cross_check=False)
    assert (macs.value, flops.value) == (EXPECTED, 2 * EXPECTED)
    assert macs.details["baseline"] == EXPECTED
    assert macs.details["convention"] == "1 MAC = 2 FLOP"


def test_fvcore_differs_by_its_norms_and_ptflops_by_its_biases(tiny_net: nn.Module) -> None:
    details = collected(tiny_net)[0].details
    assert details["fvcore"] == EXPECTED + NORMS
    assert details["ptflops"] == EXPECTED + BIASES
    assert details["relative_difference"] == pytest.approx(
        {"fvcore": NORMS / EXPECTED, "ptflops": BIASES / EXPECTED}, abs=1e-12
    )
    assert details["unexplained_difference"] == pytest.approx({"fvcore": 0.0, "ptflops": 0.0})


def test_known_conventions_are_no_disagreement(tiny_net: nn.Module) -> None:
    macs = collected(tiny_net)[0]
    assert macs.warnings == ()


def test_the_counters_are_silent(tiny_net: nn.Module, capfd: pytest.CaptureFixture[str]) -> None:
    level, stream = logging.getLogger("fvcore").level, sys.stdout
    collected(tiny_net)
    assert capfd.readouterr() == ("", "")
    assert (logging.getLogger("fvcore").level, sys.stdout) == (level, stream)


class Failing(nn.Module):
    """Breaks where it is traced or copied, but for the reference count."""

    def forward(self, inputs: Tensor) -> Tensor:
        raise RuntimeError("no step today")


@pytest.mark.parametrize("name", ["fvcore", "ptflops"])
def test_a_counter_that_fails_is_null_with_its_reason(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    check = cross_check(name, Failing(), example(1).inputs)
    assert check.macs is None
    assert check.reason == f"{name} failed: no step today"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["fvcore", "ptflops"])
def test_a_counter_that_is_absent_does_not_stop_the_count(
    tiny_net: nn.Module, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    macs = collected(tiny_net)[0]
    assert macs.value == EXPECTED
    assert macs.details[name] is None
    assert macs.details["null_because"] == {name: f"{name} is not installed"}


def test_a_real_disagreement_is_a_warning(tiny_net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.collectors.cross_checks._attention_macs", lambda inputs, outputs: 0)
    macs = collected(tiny_net)[0]
    assert macs.warnings == (
        f"fvcore counts {-DEPTH * 2 * TOKENS**2 * WIDTH / EXPECTED:+.1%} against harness, "
        "beyond the norms and biases that it adds; no operator escaped it",
    )


def test_a_disagreement_names_the_operators_that_a_counter_does_not_know() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, CLASSES)

        def forward(self, inputs: Tensor) -> Tensor:
            outputs: Tensor = self.head(self.rows(inputs[:, 0])[0][:, -1])
            return outputs

    macs = collected(Recurrent().eval())[0]
    rows, head = 8 * 4 * 16 * (8 + 16), 16 * CLASSES
    assert macs.value == rows + head
    assert macs.details["unseen_operators"] == {"fvcore": ["aten.lstm"], "ptflops": ["aten.mkldnn_rnn_layer"]}
    assert macs.warnings == tuple(
        f"{name} counts {-rows / (rows + head):+.1%} against harness, beyond the norms and biases that it adds; "
        f"it has no formula for {operator}"
        for name, operator in (("fvcore", "aten.lstm"), ("ptflops", "aten.mkldnn_rnn_layer"))
    )


def test_what_nobody_counted_is_a_warning() -> None:
    class Distances(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            rows = inputs.flatten(1)
            return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")

    macs = collected(Distances(), cross_check=False)[0]
    assert macs.details["uncounted"] == ["aten._cdist_forward"]
    assert macs.warnings == ("no formula for aten._cdist_forward: the count is a lower bound",)


def test_a_counter_sees_every_operator_of_a_transformer(tiny_net: nn.Module) -> None:
    assert collected(tiny_net)[0].details["unseen_operators"] == {"fvcore": [], "ptflops": []}


def test_half_precision_is_counted_as_single(tiny_net: nn.Module) -> None:
    whole = cross_check("fvcore", tiny_net, example(1).inputs)
    assert cross_check("fvcore", tiny_net.bfloat16(), example(1).inputs.bfloat16()) == whole


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_timed_network_keeps_no_trace_of_the_counters(tiny_net: nn.Module, dtype: torch.dtype) -> None:
    net = tiny_net.to(dtype).to(memory_format=torch.channels_last)
    before, fields = content_of(net), [sorted(vars(module)) for module in net.modules()]
    held = [(id(p), p.data_ptr(), p.dtype, p.stride(), p.requires_grad) for p in net.parameters()]
    fused = [getattr(module, "fused_attn", None) for module in net.modules()]
    found = Macs().collect(
        subject_of(net, net, lambda items: Batch(example(items).inputs.to(dtype), example(items).targets)), FakeClock()
    )
    assert (found[0].value, found[0].details["fvcore"]) == (EXPECTED, EXPECTED + NORMS)
    assert content_of(net) == before
    assert [sorted(vars(module)) for module in net.modules()] == fields
    assert [(id(p), p.data_ptr(), p.dtype, p.stride(), p.requires_grad) for p in net.parameters()] == held
    assert [getattr(module, "fused_attn", None) for module in net.modules()] == fused
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert not any(module.training for module in net.modules())


def test_all_three_counters_agree_on_deit_tiny_but_for_their_conventions() -> None:
    import timm

    net: nn.Module = timm.create_model("deit_tiny_patch16_224").eval()
    inputs = Batch(torch.zeros(1, 3, 224, 224), torch.zeros(1, dtype=torch.int64))
    macs = Macs().collect(subject_of(net, net, lambda items: inputs), FakeClock())[0]
    assert macs.value == 1_253_683_200
    assert macs.details["fvcore"] == 1_258_411_200
    assert macs.details["ptflops"] == 1_257_806_824
    assert macs.details["unexplained_difference"] == {"fvcore": 0.0, "ptflops": 0.0}
