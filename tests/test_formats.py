"""Programs of other formats give the network's outputs, for any number of items; and what cannot be is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from harness.errors import DataError, MissingExtraError
from harness.families.catalogue import sublayers_named
from harness.formats import ONNX_FILE, TORCH_FILE, _difference, write_onnx, write_torch_export
from harness.surgery import remove
from harness.tasks.base import Batch

HAS_ONNX = all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))


@pytest.mark.parametrize(
    ("names", "removal"),
    [
        ([], "skip"),
        (["blocks.0.attn", "blocks.2.attn"], "skip"),
        (["blocks.1.attn"], "identity"),
        (["blocks.1.mlp"], "skip"),
        (["blocks.1.attn", "blocks.1.mlp"], "skip"),
    ],
)
def test_a_program_of_torch_gives_the_removed_networks_outputs(
    tiny_net: nn.Module, batch: Batch, tmp_path: Path, names: list[str], removal: str
) -> None:
    net = remove(tiny_net, sublayers_named(tiny_net, names), removal) if names else tiny_net
    assert write_torch_export(net, batch.inputs[:2], tmp_path) <= 1e-5
    program = torch.export.load(tmp_path / TORCH_FILE).module()
    with torch.no_grad():
        assert torch.allclose(program(batch.inputs), net(batch.inputs), atol=1e-5)


class Choosy(nn.Module):
    """A network whose path depends on its input, which no program can hold."""

    def forward(self, x: Tensor) -> Tensor:
        return x if float(x.sum()) > 0 else -x


def test_a_network_that_cannot_be_exported_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"torch\.export cannot export Choosy"):
        write_torch_export(Choosy(), torch.ones(2, 3), tmp_path)


@pytest.mark.parametrize("wrong", [1e-2, float("nan")])
def test_outputs_that_differ_by_more_than_rounding_are_refused(wrong: float) -> None:
    with pytest.raises(DataError, match="its outputs differ from the network's"):
        _difference(nn.Identity(), lambda x: x + wrong, torch.ones(2, 3), TORCH_FILE)


def test_outputs_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"gives outputs \(1, 3\) where the network gives \(2, 3\)"):
        _difference(nn.Identity(), lambda x: x[:1], torch.ones(2, 3), ONNX_FILE)


@pytest.mark.skipif(HAS_ONNX, reason="the extra is installed")
def test_a_missing_extra_is_told_with_the_command_that_brings_it(tiny_net: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'ablation-harness\[onnx\]'"):
        write_onnx(tiny_net, torch.zeros(2, 1, 8, 8), tmp_path)


@pytest.mark.skipif(not HAS_ONNX, reason="needs the extra 'onnx'")
def test_an_onnx_file_gives_the_removed_networks_outputs(tiny_net: nn.Module, batch: Batch, tmp_path: Path) -> None:
    net = remove(tiny_net, sublayers_named(tiny_net, ["blocks.1.attn"]), "skip")
    assert write_onnx(net, batch.inputs[:2], tmp_path) <= 1e-4
