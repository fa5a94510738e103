"""One of several classes for every image: cross entropy, one row of logits an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import SpecError
from harness.schema import Options
from harness.tasks.base import Batch, Description, Task
from harness.tasks.images import ImageInput

if TYPE_CHECKING:
    from torch import Tensor, nn

UNPUBLISHED = {"input_size": (3, 224, 224)}  # of a network that is not timm's; timm fills in the rest


class Classification(Task):
    """Images (n, channels, height, width) in, logits (n, classes) out; targets are class indices (n,)."""

    name = "classification"
    item = "image"
    answer = "classes"

    def model_options(self, data: Description) -> Options:
        return {"num_classes": data.outputs, "in_chans": data.channels}

    def input_config(self, net: nn.Module) -> ImageInput:
        """timm's own configuration of the network, with the size and channels that this network really has."""
        from timm.data.config import resolve_data_config

        if hasattr(net, "get_input_embeddings"):
            raise SpecError(f"{type(net).__name__} reads tokens, and the data holds images; 'data: text' would do")
        published: dict[str, Any] = dict(getattr(net, "pretrained_cfg", None) or UNPUBLISHED)
        resolved = resolve_data_config({}, pretrained_cfg=published)  # type: ignore[no-untyped-call]  # so in timm
        channels = _channels(net, published, int(resolved["input_size"][0]))
        height, width = _spatial(net) or tuple(resolved["input_size"][1:])
        return ImageInput(
            size=(channels, int(height), int(width)),
            mean=_per_channel(resolved["mean"], channels),
            std=_per_channel(resolved["std"], channels),
            interpolation=str(resolved["interpolation"]),
            crop_pct=float(resolved["crop_pct"]),
            crop_mode=str(resolved["crop_mode"]),
        )

    def example(self, config: ImageInput, items: int, device: str, seed: int = 0) -> Batch:
        """Standard normal inputs, drawn on the CPU so that every device gets the same; every target is class 0."""
        import torch

        if device == "meta":
            inputs = torch.empty(items, *config.size, device="meta")
        else:
            inputs = torch.randn(items, *config.size, generator=torch.Generator().manual_seed(seed))
        return Batch(inputs, torch.zeros(items, dtype=torch.int64)).to(device)

    def given(self, inputs: Tensor, targets: Tensor | None) -> Batch:
        import torch

        return Batch(inputs, torch.zeros(len(inputs), dtype=torch.int64) if targets is None else targets)

    def forward(self, net: nn.Module, batch: Batch) -> Tensor:
        outputs: Tensor = net(batch.inputs)
        return outputs

    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """Mean of -sum_c q_c log p_c with q = (1 - s) onehot + s / classes, in nats."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs, batch.targets, label_smoothing=label_smoothing)


def _spatial(net: nn.Module) -> tuple[int, int] | None:
    # A convolutional network has no size of its own; its published one is used then.
    embeddings = (getattr(net, name, None) for name in ("patch_embed", "stem"))
    found = next((size for size in (getattr(part, "img_size", None) for part in embeddings) if size is not None), None)
    return (int(found[0]), int(found[1])) if found is not None else None


def _channels(net: nn.Module, published: dict[str, Any], default: int) -> int:
    """Channels of the first convolution, which timm names in the published configuration."""
    from torch import nn

    first = published.get("first_conv")
    named = dict(net.named_modules())
    stems = [named[name] for name in ([first] if isinstance(first, str) else first or ()) if name in named]
    convolutions = [module for module in (*stems, *named.values()) if isinstance(module, nn.Conv2d)]
    return convolutions[0].in_channels if convolutions else default


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    # timm publishes three numbers; where the channels are not three, each gets their average.
    if len(values) == channels:
        return tuple(float(value) for value in values)
    return (sum(map(float, values)) / len(values),) * channels
