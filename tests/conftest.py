"""What many tests build on: a small network and a batch for it, a finished study, a clock that is told the time."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from small_studies import launched, small, written
from torch import nn

from harness.plugins import REGISTRIES
from harness.tasks.base import Batch

torch.set_num_threads(1)

# Tests side by side wait for each other's devices no more than their own studies do.
os.environ["HARNESS_DEVICE_LEASES"] = tempfile.mkdtemp(prefix="harness-tests-")
atexit.register(shutil.rmtree, os.environ["HARNESS_DEVICE_LEASES"], ignore_errors=True)

TINY: dict[str, Any] = {"img_size": 8, "patch_size": 2, "embed_dim": 32, "num_heads": 2, "depth": 3}


@dataclass
class FakeClock:
    """Seconds that pass only when told to."""

    time_s: float = 0.0

    def now(self) -> float:
        return self.time_s

    def advance(self, seconds: float) -> None:
        self.time_s += seconds


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a test loads as a user's own plug-in is known to no other test."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if "__code_digest__" in vars(sys.modules[name]):
            del sys.modules[name]
            for registry in REGISTRIES:
                registry.forget(name)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tiny_net() -> nn.Module:
    """A DeiT of three blocks, width 32, for 8x8 inputs of one channel and ten outputs; eval mode, seeded."""
    import timm

    torch.manual_seed(0)
    net: nn.Module = timm.create_model("deit_tiny_patch16_224", num_classes=10, in_chans=1, **TINY)
    return net.eval()


@pytest.fixture
def batch() -> Batch:
    """Sixteen seeded items for `tiny_net`."""
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.randn(16, 1, 8, 8, generator=generator), torch.arange(16) % 10)


@pytest.fixture(scope="session")
def finished_small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of `small()` as its worker left them, run once for all tests; whoever changes anything copies them.

    A baseline and a candidate, the job that ran them, its events and logs.
    """
    home = tmp_path_factory.mktemp("small")
    launched(written(home, small()), home / "results")
    return home / "results"
