"""Images of ImageNet are prepared pixel by pixel as timm prepares them, and the words say how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from given_files import whole
from imagenet_files import official_files, write_folder
from PIL import Image

from harness.datasets.base import datasets
from harness.datasets.protocol import described, feed
from harness.tasks.classification import Classification
from harness.tasks.images import ImageInput

SCALED = "uint8/255, mean 0.5 0.5 0.5 std 0.5 0.5 0.5"
SHOWN = {
    ("center", 0.9): "resize shortest edge to 35 bicubic antialiased (Pillow), center crop 32x32 (crop center 0.9)",
    ("border", 1.0): (
        "resize to fit into 32x32 bicubic antialiased (Pillow), "
        "center crop or pad with the mean to 32x32 (crop border 1)"
    ),
    ("squash", 0.875): "resize both edges to 36x36 bicubic antialiased (Pillow), center crop 32x32 (crop squash 0.875)",
}


def network(crop_mode: str, crop_pct: float) -> Any:
    """A timm network of 32x32 images that was published with this crop."""
    import timm

    overlay = {"crop_mode": crop_mode, "crop_pct": crop_pct}
    return timm.create_model(
        "vit_tiny_patch16_224", img_size=32, embed_dim=48, depth=1, num_heads=3, pretrained_cfg_overlay=overlay
    )


@pytest.mark.parametrize(("crop_mode", "crop_pct"), list(SHOWN))
def test_inputs_are_those_of_timms_own_validation(crop_mode: str, crop_pct: float, tmp_path: Path) -> None:
    from timm.data.config import resolve_data_config
    from timm.data.transforms_factory import create_transform

    home = write_folder(tmp_path, official_files())
    net = network(crop_mode, crop_pct)
    resolved = resolve_data_config({"img_size": 32}, pretrained_cfg=net.pretrained_cfg)  # type: ignore[no-untyped-call]  # so in timm
    transform = create_transform(**resolved, is_training=False)
    expected = torch.stack([transform(Image.open(path)) for path in sorted((home / "val").glob("*/*.JPEG"))])
    part = (
        datasets.create({"name": "imagenet", "splits": {"calibration": 5, "validation": 6}})
        .load({"imagenet": home}, Classification().input_config(net))
        .parts["test"]
    )
    assert torch.equal(whole(part).inputs, expected)
    assert part.info.transform == f"RGB (Pillow), {SHOWN[crop_mode, crop_pct]}, {SCALED}"


def test_the_words_of_an_oblong_network_name_both_edges() -> None:
    config = ImageInput((3, 32, 48), (0.5,) * 3, (0.5,) * 3, "bilinear", 0.8, "center")
    assert described(config) == (
        "RGB (Pillow), resize to cover 40x60 bilinear antialiased (Pillow), "
        f"center crop 32x48 (crop center 0.8), {SCALED}"
    )
    image = Image.new("RGB", (100, 90))
    assert feed(config).transform(image).shape == (3, 32, 48)
