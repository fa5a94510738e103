"""Classification: timm's options, the real input of a network, and the loss against its formula."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import nn

from harness.tasks.base import Batch, Description
from harness.tasks.classification import Classification
from harness.tasks.images import ImageInput

TASK = Classification()
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def on_meta(name: str, **options: Any) -> nn.Module:
    with torch.device("meta"):
        net: nn.Module = timm.create_model(name, **options)
    return net


def test_options_follow_the_data() -> None:
    assert TASK.model_options(Description("classification", 7, 1)) == {"num_classes": 7, "in_chans": 1}


def test_input_is_that_of_the_real_network(tiny_net: nn.Module) -> None:
    assert TASK.input_config(tiny_net).size == (1, 8, 8)


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("deit_tiny_patch16_224", {}, (3, 224, 224)),
        ("vit_small_patch14_dinov2", {"img_size": 112}, (3, 112, 112)),
        ("swin_tiny_patch4_window7_224", {"in_chans": 2}, (2, 224, 224)),
        ("mixer_s16_224", {"img_size": 64}, (3, 64, 64)),
        ("resnet18", {"in_chans": 1}, (1, 224, 224)),
    ],
)
def test_size_and_channels_of_published_networks(
    name: str, options: dict[str, Any], size: tuple[int, int, int]
) -> None:
    assert TASK.input_config(on_meta(name, **options)).size == size


def test_the_rest_is_what_timm_publishes() -> None:
    assert TASK.input_config(on_meta("deit_tiny_patch16_224")) == ImageInput(
        (3, 224, 224), *IMAGENET, interpolation="bicubic", crop_pct=0.9, crop_mode="center"
    )


def test_one_channel_gets_the_average_of_the_published_three(tiny_net: nn.Module) -> None:
    found = TASK.input_config(tiny_net)
    assert found.mean == pytest.approx([sum(IMAGENET[0]) / 3])
    assert found.std == pytest.approx([sum(IMAGENET[1]) / 3])


def test_an_unpublished_network_is_read_by_its_first_convolution() -> None:
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten())
    assert TASK.input_config(net).size == (2, 224, 224)


def test_examples_are_seeded_and_leave_the_global_state_alone() -> None:
    config = ImageInput((1, 8, 8), (0.5,), (0.5,), "bicubic", 0.9, "center")
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again, other = (TASK.example(config, 5, "cpu", seed) for seed in (1, 1, 2))
    assert first.inputs.shape == (5, 1, 8, 8)
    assert torch.equal(first.inputs, again.inputs)
    assert not torch.equal(first.inputs, other.inputs)
    assert torch.equal(torch.get_rng_state(), before)


def test_forward_gives_one_row_of_logits_an_image(tiny_net: nn.Module, batch: Batch) -> None:
    assert TASK.forward(tiny_net, batch).shape == (16, 10)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_smoothed_cross_entropy_in_nats(batch: Batch, smoothing: float) -> None:
    outputs = torch.randn(16, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wanted = torch.full((16, 10), smoothing / 10, dtype=torch.float64)
    wanted[range(16), batch.targets] += 1 - smoothing
    logs = outputs - outputs.exp().sum(1, keepdim=True).log()
    expected = -(wanted * logs).sum(1).mean()
    assert float(TASK.loss(outputs, batch, smoothing)) == pytest.approx(float(expected), rel=1e-12)
