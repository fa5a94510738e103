"""The reference count against itself and closed formulas in other precisions, compiled, fused and recurrent forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import torch
from reading import Reading, X
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from harness.counting import count_macs


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("form", [nn.Sequential, Reading])
def test_the_precision_does_not_change_the_count(
    tiny_net: nn.Module, form: Callable[[nn.Module], nn.Module], dtype: torch.dtype
) -> None:
    expected = count_macs(tiny_net, X)
    count = count_macs(form(tiny_net.to(dtype)), X.to(dtype))
    assert (count.total, count.activations, count.uncounted) == (expected.total, expected.activations, ())


@pytest.mark.parametrize("form", [nn.Sequential, Reading])
def test_autocast_and_channels_last_do_not_change_the_count(
    tiny_net: nn.Module, form: Callable[[nn.Module], nn.Module]
) -> None:
    expected = count_macs(tiny_net, X)
    last = tiny_net.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        count = count_macs(form(last), X.to(memory_format=torch.channels_last))
    assert (count.total, count.activations, count.uncounted) == (expected.total, expected.activations, ())


@pytest.mark.parametrize("form", [nn.Sequential, Reading])
def test_a_compiled_network_counts_as_what_it_was_made_of(
    tiny_net: nn.Module, form: Callable[[nn.Module], nn.Module]
) -> None:
    net = form(tiny_net)
    expected = count_macs(net, X)
    assert count_macs(cast(nn.Module, torch.compile(net, backend="eager")), X) == expected


@pytest.mark.parametrize("form", [nn.Sequential, Reading])
def test_compiled_parts_count_as_what_they_were_made_of(form: Callable[[nn.Module], nn.Module]) -> None:
    @torch.compile(backend="eager")
    def square(x: Tensor) -> Tensor:
        return x @ x.mT

    class Parts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.compile(nn.Linear(32, 32), backend="eager")
            self.rest = nn.Sequential(cast(nn.Module, torch.compile(nn.Linear(32, 32), backend="eager")))
            self.last = nn.Linear(32, 32)
            self.last.compile(backend="eager")

        def forward(self, x: Tensor) -> Tensor:
            return square(self.last(self.rest(self.first(x))))

    count = count_macs(form(Parts()), torch.randn(2, 5, 32))
    assert (count.total, count.uncounted) == (3 * 2 * 5 * 32 * 32 + 2 * 5 * 5 * 32, ())
    assert {path.partition(".")[2]: macs for path, macs in count.by_module.items()}["rest.0"] == 2 * 5 * 32 * 32


@pytest.mark.parametrize("form", [nn.Sequential, Reading])
def test_fused_encoder_layers_are_taken_apart(form: Callable[[nn.Module], nn.Module]) -> None:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    count = count_macs(form(encoder.eval()), torch.randn(2, 5, 32))
    attention = 4 * 5 * 32 * 32 + 2 * 5 * 5 * 32
    assert (count.total, count.uncounted) == (3 * 2 * (attention + 2 * 5 * 32 * 64), ())
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("form", [nn.Sequential, Reading])
def test_a_layer_of_attention_is_counted_on_its_fast_path(form: Callable[[nn.Module], nn.Module]) -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(32, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return cast(Tensor, self.attention(x, x, x, need_weights=False)[0])

    count = count_macs(form(Attending().eval()), torch.randn(2, 5, 32))
    assert (count.total, count.uncounted) == (2 * (4 * 5 * 32 * 32 + 2 * 5 * 5 * 32), ())


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("form", [nn.Sequential, Reading])
def test_flexible_attention_is_counted_in_full(form: Callable[[nn.Module], nn.Module]) -> None:
    from torch.nn.attention.flex_attention import flex_attention

    def causal(score: Tensor, _item: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return torch.where(query >= key, score, -torch.inf)

    class Flexible(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return flex_attention(x.repeat(1, 2, 1, 1), x, x, score_mod=causal, enable_gqa=True)

    count = count_macs(form(Flexible()), torch.randn(2, 3, 5, 8))
    assert (count.total, count.uncounted) == (2 * (2 * 6 * 5 * 5 * 8), ())


@pytest.mark.parametrize("form", [nn.Sequential, Reading])
@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3)])
def test_recurrent_layers_count_the_same_fused_and_apart(
    form: Callable[[nn.Module], nn.Module], kind: Callable[..., nn.Module], gates: int
) -> None:
    count = count_macs(form(kind(8, 6, bidirectional=True)), torch.randn(5, 2, 8))
    assert (count.total, count.uncounted) == (2 * 10 * gates * 6 * (8 + 6), ())
    assert count.activations == 2 * 10 * 2 * gates * 6


@pytest.mark.gpu
@pytest.mark.parametrize(
    "backend",
    [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH],
)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_every_kernel_of_a_gpu_counts_the_same(backend: SDPBackend, dtype: torch.dtype) -> None:
    class Attending(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(x, x, x, is_causal=True)

    x = torch.randn(2, 3, 16, 64, device="cuda", dtype=dtype)
    with sdpa_kernel(backend):
        count = count_macs(Reading(Attending()), x)
    assert (count.total, count.uncounted) == (2 * (2 * 3 * 16 * 16 * 64), ())
    assert count.activations == 2 * 3 * 16 * (16 + 64)


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:RNN module weights are not part of single")  # those of a copy lie apart
@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3)])
def test_a_recurrent_stack_of_a_gpu_counts_the_same(kind: Callable[..., nn.Module], gates: int) -> None:
    net = Reading(kind(8, 6, bidirectional=True, num_layers=2)).cuda()
    count = count_macs(net, torch.randn(5, 2, 8, device="cuda"))
    assert (count.total, count.uncounted) == (2 * 10 * gates * 6 * (8 + 6) + 2 * 10 * gates * 6 * (12 + 6), ())
