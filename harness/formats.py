"""A network in the formats of other programs, each read back and compared with the network itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor, nn

TORCH_FILE, ONNX_FILE = "model.pt2", "model.onnx"
ONNX_NEEDS = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = {TORCH_FILE: 1e-5, ONNX_FILE: 1e-4}  # of the largest output, and at least this much; fp32
REFUSALS = (RuntimeError, ValueError, TypeError, AssertionError, AttributeError, LookupError)


def write_torch_export(net: nn.Module, inputs: Tensor, folder: Path) -> float:
    """Writes `model.pt2` for batches of any size, and gives the largest difference of its outputs; needs two items."""
    import torch
    from torch.export import Dim

    path = folder / TORCH_FILE
    try:
        program = torch.export.export(net, (inputs,), dynamic_shapes=({0: Dim.DYNAMIC},))
        torch.export.save(program, path)
    except REFUSALS as error:
        raise DataError(f"torch.export cannot export {type(net).__name__}: {_first_line(error)}") from None
    read = torch.export.load(path).module()
    return max(_difference(net, read, items, TORCH_FILE) for items in (inputs, inputs[:1]))


def write_onnx(net: nn.Module, inputs: Tensor, folder: Path) -> float:
    """Writes `model.onnx` for batches of any size, and gives the largest difference of its outputs; needs two items."""
    check_onnx()
    import torch
    from torch.export import Dim

    path = folder / ONNX_FILE
    try:
        torch.onnx.export(
            net, (inputs,), path, dynamo=True, external_data=False, verbose=False, dynamic_shapes=({0: Dim.DYNAMIC},)
        )
    except REFUSALS as error:
        raise DataError(f"ONNX cannot express {type(net).__name__}: {_first_line(error)}") from None
    read = _onnx_module(path)
    return max(_difference(net, read, items, ONNX_FILE) for items in (inputs, inputs[:1]))


def check_onnx() -> None:
    """Raises MissingExtraError where a package is absent that ONNX files are written or checked with."""
    missing = [name for name in ONNX_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        message = f"--onnx needs {', '.join(missing)}, not installed here: pip install 'ablation-harness[onnx]'"
        raise MissingExtraError(message)


def _onnx_module(path: Path) -> Any:
    """The file as a function of inputs, on the CPU."""
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # an extra
    import torch

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda inputs: torch.from_numpy(session.run(None, {name: inputs.numpy()})[0])


def _difference(net: nn.Module, read: Any, inputs: Tensor, file: str) -> float:
    """The largest absolute difference of outputs; raises DataError where it is no rounding."""
    import torch

    with torch.no_grad():
        expected, found = net(inputs), read(inputs)
    if found.shape != expected.shape:
        raise DataError(f"{file}: gives outputs {tuple(found.shape)} where the network gives {tuple(expected.shape)}")
    difference = float((found - expected).abs().max())
    bound = TOLERANCE[file] * max(1.0, float(expected.abs().max()))
    if not difference <= bound:
        raise DataError(f"{file}: its outputs differ from the network's by {difference:.2g}, more than {bound:.2g}")
    return difference


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
