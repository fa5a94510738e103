"""A runtime in force: precision, layout, kernel and threads as asked, and everything as before afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_studies import launched, small, written
from torch import nn

from harness import numerics
from harness.device import attention_kernels
from harness.errors import SpecError
from harness.runtimes import DEFAULT, Runtime
from harness.tasks.base import Batch

BATCH = Batch(torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.zeros(4, dtype=torch.int64))


def outputs(net: nn.Module, runtime: Runtime) -> torch.Tensor:
    with torch.inference_mode(), numerics.in_force(runtime, "cpu"):
        cast = numerics.cast(net, runtime)
        found: torch.Tensor = numerics.Compiler(runtime)(cast)(numerics.cast_batch(BATCH, runtime).inputs)
    return found


def switches() -> tuple[int, bool, bool]:
    flash: bool = torch.backends.cuda.flash_sdp_enabled()  # type: ignore[no-untyped-call]  # so in torch
    return torch.get_num_threads(), flash, torch.is_autocast_enabled("cpu")


def test_the_default_runtime_is_the_network_itself(tiny_net: nn.Module) -> None:
    assert numerics.cast(tiny_net, DEFAULT) is tiny_net
    assert torch.equal(outputs(tiny_net, DEFAULT), tiny_net(BATCH.inputs))


@pytest.mark.parametrize(("dtype", "kind"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_half_precision_is_that_of_weights_and_activations(tiny_net: nn.Module, dtype: str, kind: torch.dtype) -> None:
    found = outputs(tiny_net, Runtime.model_validate({"dtype": dtype}))
    expected = tiny_net.to(kind)(BATCH.inputs.to(kind))
    assert found.dtype == kind
    assert torch.equal(found, expected)


def test_autocast_leaves_the_weights_in_fp32(tiny_net: nn.Module) -> None:
    runtime = Runtime(dtype="bf16", autocast=True)
    assert numerics.cast(tiny_net, runtime) is tiny_net
    with torch.autocast("cpu", torch.bfloat16):
        expected = tiny_net(BATCH.inputs)
    assert torch.equal(outputs(tiny_net, runtime), expected)


def test_a_network_is_cast_as_a_copy(tiny_net: nn.Module) -> None:
    numerics.cast(tiny_net, Runtime(dtype="bf16", channels_last=True, attention="math"))
    assert {parameter.dtype for parameter in tiny_net.parameters()} == {torch.float32}


def test_channels_last_is_the_layout_of_inputs_and_convolutions(tiny_net: nn.Module) -> None:
    runtime = Runtime(channels_last=True)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    cast = numerics.cast(net, runtime)
    assert cast[0].weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore[index]  # a sequence
    images = Batch(torch.zeros(2, 3, 8, 8), torch.zeros(2))
    assert numerics.cast_batch(images, runtime).inputs.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("attention", "kernels"), [("flash", ("scaled_dot_product_flash_attention_for_cpu",)), ("math", ())]
)
def test_the_kernel_of_attention_is_the_one_asked_for(
    tiny_net: nn.Module, attention: str, kernels: tuple[str, ...]
) -> None:
    runtime = Runtime.model_validate({"attention": attention})
    with numerics.in_force(runtime, "cpu"):
        cast = numerics.cast(tiny_net, runtime)
        heard = attention_kernels(lambda: cast(BATCH.inputs))
    assert tuple(kernel for kernel in heard if "flash" in kernel) == kernels


def test_a_kernel_that_the_module_switched_off_is_switched_on(tiny_net: nn.Module) -> None:
    for block in tiny_net.blocks:  # type: ignore[union-attr]  # a sequence of blocks
        block.attn.fused_attn = False
    runtime = Runtime(attention="fused")
    with numerics.in_force(runtime, "cpu"):
        assert attention_kernels(lambda: numerics.cast(tiny_net, runtime)(BATCH.inputs))


def test_everything_is_as_before_afterwards() -> None:
    before = switches()
    with numerics.in_force(Runtime(dtype="bf16", autocast=True, attention="math", threads=3), "cpu"):
        inside = switches()
    assert inside == (3, False, True)
    assert switches() == before


def test_a_lower_precision_of_products_does_not_leak_into_fp32() -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        with numerics.in_force(DEFAULT, "cpu"):
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_a_network_is_compiled_once_and_only_where_asked(tiny_net: nn.Module) -> None:
    assert numerics.Compiler(DEFAULT)(tiny_net) is tiny_net
    compiler = numerics.Compiler(Runtime(compile="default"))
    assert compiler(tiny_net) is compiler(tiny_net)
    assert compiler(tiny_net) is not tiny_net


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_outputs_and_its_graphs_are_counted() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.GELU()).eval()
    runtime = Runtime(compile="default")
    for _ in range(2):  # what was compiled before does not count
        with torch.inference_mode(), numerics.in_force(runtime, "cpu"):
            found = numerics.Compiler(runtime)(net)(BATCH.inputs)
            counted = numerics.compilation()
        assert torch.allclose(found, net(BATCH.inputs), atol=1e-5)
        assert counted == {"graphs": 1, "graph_breaks": 0}


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        ({"dtype": "tf32"}, "tf32 is an arithmetic of NVIDIA GPUs"),
        ({"attention": "efficient"}, "torch has no 'efficient' attention kernel on the CPU"),
    ],
)
def test_what_a_cpu_cannot_do_is_told_before_anything_runs(
    tmp_path: Path, runtime: dict[str, str], reason: str
) -> None:
    with pytest.raises(SpecError, match=f"runtimes.1: {reason}"):
        launched(written(tmp_path, small(runtimes=[{}, runtime])), tmp_path)
    assert not list((tmp_path / "small").glob("tiny-*"))


def test_kernels_of_a_gpu_that_need_half_precision_say_so() -> None:
    assert "needs bf16 or fp16" in str(numerics.fault(Runtime(attention="flash"), "cuda:0"))
    assert numerics.fault(Runtime(attention="flash", dtype="bf16"), "cuda:0") is None


def test_compiling_on_a_cpu_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    assert numerics.fault(Runtime(compile="default"), "cuda:0") is None
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert "needs a C++ compiler" in str(numerics.fault(Runtime(compile="default"), "cpu"))
