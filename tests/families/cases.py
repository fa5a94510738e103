"""What a family's test needs to know of one small network: how it is built, and what it must offer."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from harness.models import create
from harness.schema import Options


@dataclass(frozen=True, eq=False)
class Case:
    """A small network of a family; `size` is the side of its square inputs of three channels.

    `kinds` are those that its sublayers must have, in order of execution; `blocks` is how many whole blocks it must
    offer, `refused` how many sublayers or blocks it must not, `chain` whether its blocks are a chain, `options` those
    of a study.
    """

    family: str
    architecture: str
    kinds: tuple[str, ...]
    size: int = 32
    options: Options = field(default_factory=dict)
    blocks: int = 0
    refused: int = 0
    chain: bool = True
    note: str = ""

    @property
    def label(self) -> str:
        """What a test is called by."""
        return "-".join(part for part in (self.family, self.architecture, self.note) if part)

    def net(self, device: str = "cpu") -> nn.Module:
        """The network in eval mode; on the CPU with seeded weights of which none is at a neutral start."""
        net = create(self.architecture, self.options, {"num_classes": 7}, device=device)
        return net if device == "meta" else _shaken(net)

    def inputs(self, items: int = 2) -> Tensor:
        """Seeded items."""
        return torch.randn(items, 3, self.size, self.size, generator=torch.Generator().manual_seed(1))


def _shaken(net: nn.Module) -> nn.Module:
    """Every parameter moved from its start: scales near zero and norms at one would hide what they do."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        for name, buffer in net.named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(0.1 * torch.randn(buffer.shape, generator=generator))
    return net
