"""What every kind of model must say: its inputs, its loss, its items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from harness.schema import Options

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """Items in a fixed order: `inputs` (n, ...), `targets` (n, ...).

    `accepted` (n, outputs) says of data with several right answers which are; an item without any is left out of every
    outcome.
    """

    inputs: Tensor
    targets: Tensor
    accepted: Tensor | None = None

    def __len__(self) -> int:
        return int(self.inputs.shape[0])

    def to(self, device: str) -> Batch:
        """The same items on another device."""
        accepted = None if self.accepted is None else self.accepted.to(device, non_blocking=True)
        return Batch(self.inputs.to(device, non_blocking=True), self.targets.to(device, non_blocking=True), accepted)


@dataclass(frozen=True)
class Description:
    """What a data set says before it is loaded; `outputs` is the size of the head it needs, `channels` of an input."""

    task: str
    outputs: int
    channels: int
    is_synthetic: bool = False
    sizes: dict[str, int] = field(default_factory=dict)  # items by part, where they are known without loading
    test_sets: tuple[str, ...] = ()  # parts `test:NAME` that are evaluated beside `test`


@dataclass(frozen=True)
class InputConfig:
    """What a network wants to be fed: `size` (channels, height, width), and timm's names for the rest."""

    size: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    crop_pct: float
    crop_mode: str


class Task(ABC):
    """Loss, outputs and items of one kind of model."""

    name: ClassVar[str]
    item: ClassVar[str]  # what one outcome speaks about: image, document

    @abstractmethod
    def model_options(self, data: Description) -> Options:
        """Options of the architecture that follow the data, in timm's names."""

    @abstractmethod
    def input_config(self, net: nn.Module) -> InputConfig:
        """What this network wants to be fed."""

    @abstractmethod
    def example(self, config: InputConfig, items: int, device: str, seed: int = 0) -> Batch:
        """Seeded made-up inputs of the right shape, for proofs and costs."""

    @abstractmethod
    def forward(self, net: nn.Module, batch: Batch) -> Tensor:
        """Outputs of the network, one row an item."""

    @abstractmethod
    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """Mean loss over the items, a scalar."""
