"""What every kind of model must say: its inputs, its loss, its items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from harness.errors import Problem
from harness.recipes import TrainOptions
from harness.schema import Options

if TYPE_CHECKING:
    from torch import Tensor, nn

OwnInput: TypeAlias = Any  # the InputConfig of one's own task; whoever takes it is of that task and looks into it


@dataclass(frozen=True)
class Batch:
    """Items in a fixed order: `inputs` (n, ...), `targets` (n, ...); every other tensor of a kind of batch is (n, ...).

    `accepted` (n, outputs) says of data with several right answers which are; an item without any is left out of every
    outcome. `mask` (n, tokens) says of items of several lengths which tokens are real, the others being padding; None
    is all of them.
    """

    inputs: Tensor
    targets: Tensor
    accepted: Tensor | None = None
    mask: Tensor | None = None

    def __len__(self) -> int:
        return int(self.inputs.shape[0])

    def changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with every tensor changed alike."""
        from torch import Tensor

        held = ((each.name, getattr(self, each.name)) for each in fields(self))
        return replace(self, **{name: change(value) for name, value in held if isinstance(value, Tensor)})

    def to(self, device: str) -> Self:
        """The same items on another device."""
        return self.changed(lambda tensor: tensor.to(device, non_blocking=True))

    def at(self, places: Any) -> Self:
        """Some of the items: a slice, or indices that a tensor takes."""
        return self.changed(lambda tensor: tensor[places])

    def unpadded(self, values: Tensor) -> Iterator[Tensor]:
        """Values by token, (n, tokens, ...): as they are, or item by item where there is padding, without it."""
        if self.mask is None:
            yield values
        else:
            yield from (own[real][None] for own, real in zip(values, self.mask.to(values.device), strict=True))


@dataclass(frozen=True)
class Description:
    """What a data set says before it is loaded; `outputs` is the size of the head it needs, `channels` of an image.

    Of a text, `outputs` is the vocabulary of its tokenizer and `length` the most tokens of an item.
    """

    task: str
    outputs: int
    channels: int = 0
    is_synthetic: bool = False
    sizes: dict[str, int] = field(default_factory=dict)  # items by part, where they are known without loading
    test_sets: tuple[str, ...] = ()  # parts `test:NAME` that are evaluated beside `test`
    length: int | None = None


class InputConfig(ABC):
    """What a network wants to be fed; each kind of task has its own, and nobody else looks into it."""

    @abstractmethod
    def limits(self) -> dict[str, int]:
        """What data must keep to, by name; kept with an inventory, so that a plan can ask without the network."""

    @abstractmethod
    def told(self) -> Options:
        """What somebody who feeds the network elsewhere has to know."""


class Task(ABC):
    """Loss, outputs and items of one kind of model.

    A loss is the mean over predictions: an item of a classification is one, a document as many as it has tokens to be
    told. `needs_labels` says whether targets are more than the items themselves.
    """

    name: ClassVar[str]
    item: ClassVar[str]  # what one outcome speaks about: image, document
    answer: ClassVar[str]  # what an output stands for, in the plural: classes, tokens
    needs_labels: ClassVar[bool] = True

    @abstractmethod
    def model_options(self, data: Description) -> Options:
        """Options of the architecture that follow the data, in timm's names."""

    @abstractmethod
    def input_config(self, net: nn.Module) -> InputConfig:
        """What this network wants to be fed; raises SpecError for one that is fed with something else."""

    @abstractmethod
    def example(self, config: OwnInput, items: int, device: str, seed: int = 0) -> Batch:
        """Seeded made-up inputs of the right shape, for proofs and costs; on `meta` nothing is drawn."""

    @abstractmethod
    def given(self, inputs: Tensor, targets: Tensor | None) -> Batch:
        """Items of somebody's own; without targets those that follow from the inputs, or any."""

    @abstractmethod
    def forward(self, net: nn.Module, batch: Batch) -> Tensor:
        """Outputs of the network, one row an item."""

    @abstractmethod
    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """Mean loss over the predictions, a scalar."""

    def misfit(self, limits: Mapping[str, int], data: Description) -> str:  # most data is fitted when it is loaded
        """Why data does not fit a network that has these limits, in a sentence; empty where it does."""
        return ""

    def training_fault(self, options: TrainOptions) -> Problem | None:
        """What of a recipe makes no sense for items of this kind, at its option; None where all of it does."""
        return None

    def scored(self, batch: Batch) -> int:
        """How many predictions the loss of a batch is the mean of."""
        return len(batch)

    def predictions(self, batch: Batch) -> Tensor:
        """The same of each item, int64 (n,)."""
        import torch

        return torch.ones(len(batch), dtype=torch.int64, device=batch.inputs.device)

    def answers(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The outputs, one row a prediction: (predictions, outputs)."""
        return outputs

    def kept(self, outputs: Tensor, batch: Batch) -> Tensor:
        """As little of the outputs as the loss can be told from, (n, ...); of many batches it must fit into memory."""
        return outputs

    def loss_of(self, kept: Tensor, batch: Batch) -> Tensor:
        """The loss, unsmoothed, from what was kept of the outputs."""
        return self.loss(kept, batch)
