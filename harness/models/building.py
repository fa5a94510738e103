"""Which library builds an architecture, and the network that it builds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.models import language_models, timm_models
from harness.models.configs import is_language_model
from harness.models.weights import load_file, put_state
from harness.schema import Options

if TYPE_CHECKING:
    from torch import nn


def architectures() -> list[str]:
    """Every architecture of timm's, sorted; language models have the names that their files and hubs give them."""
    return timm_models.architectures()


def create(
    architecture: str,
    options: Options,
    task_options: Options,
    *,
    pretrained: str | bool | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> nn.Module:
    """A network in eval mode; `task_options` follow the data, `pretrained` is a tag, or True for the default weights.

    What is random depends on `seed` alone, is drawn on the CPU, and leaves the caller's random numbers as they were.
    On `meta` nothing is drawn or loaded.
    """
    import torch

    check_architecture(architecture, options)
    room = _room(architecture)
    if device == "meta" or pretrained:
        # Without weights first: what fails here is a fault of the options, what fails below one of the weights.
        net: nn.Module = room.weightless(architecture, options, task_options)
    if device == "meta":
        return net.eval()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if pretrained:
            net = room.published_network(architecture, options, task_options, pretrained)
        else:
            net = room.built(architecture, options, task_options)
    return net.eval().to(device)


def check_architecture(architecture: str, options: Options, where: str = "") -> None:
    """Raises for a name or an option that no network could be built from; `where` is the place of the model."""
    _room(architecture).check_architecture(architecture, options, where)


def _room(architecture: str) -> Any:
    """The module that knows the library of an architecture."""
    return language_models if is_language_model(architecture) else timm_models


def load_weights(net: nn.Module, path: Path) -> None:
    """Puts weights into a network that has exactly their names and shapes; raises DataError otherwise.

    They are a safetensors file, or a folder as transformers writes them, which its own loader reads.
    """
    if path.is_dir():
        put_state(net, language_models.folder_network(net, path).state_dict(), path.name)
    else:
        load_file(net, path)
