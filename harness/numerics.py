"""A runtime put into force: precision, layout, attention kernel, compilation and threads, undone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.device import is_gpu
from harness.runtimes import HALF, Runtime
from harness.schema import Json
from harness.tasks.base import Batch

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

MOST_GRAPHS = 256
CPU_KERNELS = ("auto", "fused", "math", "flash")  # what torch has for attention on a CPU


def fault(runtime: Runtime, device: str) -> str | None:
    """Why a runtime cannot be had on a device, known before anything runs; None where nothing speaks against it."""
    if is_gpu(device):
        needs_half = runtime.attention in ("flash", "cudnn") and runtime.dtype not in HALF
        return f"the {runtime.attention!r} attention kernel of a GPU needs bf16 or fp16" if needs_half else None
    if runtime.dtype == "tf32":
        return "tf32 is an arithmetic of NVIDIA GPUs, and this would run on the CPU"
    if runtime.attention not in CPU_KERNELS:
        return f"torch has no {runtime.attention!r} attention kernel on the CPU; known: {', '.join(CPU_KERNELS)}"
    if runtime.compile is not None and not any(map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))):
        return "torch.compile needs a C++ compiler on the CPU, and none is on PATH (c++, g++, clang++, or $CXX)"
    return None


def cast(net: nn.Module, runtime: Runtime) -> nn.Module:
    """A copy of a network in the runtime's precision and layout; the network itself where it is so already."""
    import torch

    needs = runtime.channels_last or runtime.attention != "auto" or _weights_dtype(runtime) is not torch.float32
    if not needs:
        return net
    copied = deepcopy(net).to(_weights_dtype(runtime))
    if runtime.channels_last:
        copied = copied.to(memory_format=torch.channels_last)
    if runtime.attention != "auto":
        # timm decides in each module whether it calls the fused operator at all.
        for module in copied.modules():
            if hasattr(module, "fused_attn"):
                setattr(module, "fused_attn", True)  # noqa: B010  # a plain attribute, where torch's types know none
    return copied.eval()


def cast_batch(batch: Batch, runtime: Runtime) -> Batch:
    """Items as a network in this runtime reads them: (n, channels, height, width) in its precision and layout."""
    return replace(batch, inputs=_cast_inputs(batch.inputs, runtime))


def _cast_inputs(inputs: Tensor, runtime: Runtime) -> Tensor:
    import torch

    cast_to = inputs.to(_weights_dtype(runtime)) if inputs.is_floating_point() else inputs
    is_image = runtime.channels_last and cast_to.dim() == 4
    return cast_to.contiguous(memory_format=torch.channels_last) if is_image else cast_to


def _weights_dtype(runtime: Runtime) -> torch.dtype:
    import torch

    if runtime.autocast or runtime.dtype not in HALF:
        return torch.float32
    return _half(runtime)


def _half(runtime: Runtime) -> torch.dtype:
    import torch

    return torch.bfloat16 if runtime.dtype == "bf16" else torch.float16


class Compiler:
    """What the runtime executes in place of a network: itself, or its compiled form, made once for each."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._made: dict[int, tuple[nn.Module, nn.Module]] = {}

    def __call__(self, net: nn.Module) -> nn.Module:
        """The executable form; compiling waits for the first step with each shape of input."""
        if self._runtime.compile is None:
            return net
        import torch

        if id(net) not in self._made:
            compiled: Any = torch.compile(net, mode=self._runtime.compile, dynamic=False)
            self._made[id(net)] = (net, compiled)  # the network is held, so that its id stays its own
        return self._made[id(net)][1]


@contextlib.contextmanager
def in_force(runtime: Runtime, device: str) -> Iterator[None]:
    """Within it everything runs with the runtime's switches; those of before come back afterwards."""
    with contextlib.ExitStack() as stack:
        for enter in (_threads, _tf32, _attention, _autocast, _compilation):
            stack.enter_context(enter(runtime, device))
        yield


@contextlib.contextmanager
def _threads(runtime: Runtime, _device: str) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(runtime.threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _tf32(runtime: Runtime, device: str) -> Iterator[None]:
    """TF32 in products and convolutions only where it is asked for: torch's defaults differ between the two.

    A process that set a lower precision of products would get it on CPUs as well, whatever the dtype says.
    """
    import torch

    cudnn, before = torch.backends.cudnn, torch.get_float32_matmul_precision()
    convolutions = bool(cudnn.allow_tf32)
    torch.set_float32_matmul_precision("high" if runtime.dtype == "tf32" else "highest")
    if is_gpu(device):
        cudnn.allow_tf32 = runtime.dtype == "tf32"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        cudnn.allow_tf32 = convolutions


@contextlib.contextmanager
def _attention(runtime: Runtime, _device: str) -> Iterator[None]:
    if runtime.attention == "auto":
        yield
        return
    from torch.nn.attention import SDPBackend, sdpa_kernel

    kernels = {
        "math": [SDPBackend.MATH],
        "flash": [SDPBackend.FLASH_ATTENTION],
        "efficient": [SDPBackend.EFFICIENT_ATTENTION],
        "cudnn": [SDPBackend.CUDNN_ATTENTION],
        "fused": [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION],
    }
    with sdpa_kernel(kernels[runtime.attention]):
        yield


@contextlib.contextmanager
def _autocast(runtime: Runtime, device: str) -> Iterator[None]:
    import torch

    if not runtime.autocast:
        yield
        return
    # Without the cache every step casts its weights, as one that stands alone does.
    with torch.autocast(device.partition(":")[0], dtype=_half(runtime), cache_enabled=False):
        yield


@contextlib.contextmanager
def _compilation(runtime: Runtime, _device: str) -> Iterator[None]:
    """Compiled code is forgotten before and after, so that no network meets the limits that others used up."""
    if runtime.compile is None:
        yield
        return
    import torch
    from torch._dynamo import config as dynamo
    from torch._dynamo.utils import counters
    from torch._inductor import config

    before, config.compile_threads = config.compile_threads, 1  # processes of a compiler pool would run beside timings
    # Both networks share the code of their class, and every shape is an entry of its own; beyond the limit torch
    # goes back to eager without a word.
    limit, dynamo.recompile_limit = dynamo.recompile_limit, MOST_GRAPHS
    torch.compiler.reset()
    counters.clear()  # which a reset leaves
    try:
        yield
    finally:
        torch.compiler.reset()
        config.compile_threads, dynamo.recompile_limit = before, limit


def compilation() -> dict[str, Json]:
    """Graphs that the compiler made since the runtime is in force, and how often it had to leave one (graph breaks)."""
    from torch._dynamo.utils import counters

    return {
        "graphs": int(counters["stats"].get("unique_graphs", 0)),
        "graph_breaks": sum(counters["graph_break"].values()),
    }
