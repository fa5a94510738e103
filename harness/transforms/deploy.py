"""The form for inference of a network that has another one for its training."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, ClassVar

from harness.errors import HarnessError, Problem, SpecError
from harness.runtimes import Runtime
from harness.transforms.base import Transform, transforms

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE = 1e-4  # of the largest output; in float32, through all blocks


@transforms.register("deploy")
class Deploy(Transform):
    """Folds branches that only training needs into the layers beside them, and checks that the outputs stay the same.

    What is folded is for the network to say: RepMLPNet injects its convolutions into its fully connected kernels
    (arXiv 2112.11081, equations 13 and 14), FastViT and RepViT of timm merge their branches and norms. Parameters,
    MACs, speed and memory are then those of the deployed form. It starts where a network is evaluated or measured: what
    is trained, scored and removed is the form of training.
    """

    earliest: ClassVar[str] = "evaluate"
    is_once: ClassVar[bool] = True

    def fault(self, attentions: int, foldable: int) -> str:
        found = "has no branches for its training, or they are folded already"
        return "" if foldable else f"deploy: the network {found}; exclude this combination"

    def apply(self, net: nn.Module) -> nn.Module:
        from timm.models import reparameterize_model

        from harness.stand_ins import StandIn

        names, is_whole = set(net.state_dict()), not any(isinstance(part, StandIn) for part in net.modules())
        before = copy.deepcopy(net)
        try:
            reparameterize_model(net, inplace=True)
        except ValueError as error:
            raise _fault(f"{type(net).__name__}: {error}") from None
        if set(net.state_dict()) == names and is_whole:
            raise _fault(f"{type(net).__name__} has no branches for its training, or they are folded already")
        _check_equal(before, net)
        return net


def _check_equal(before: nn.Module, after: nn.Module) -> None:
    """Raises HarnessError where the deployed form gives something else; without weights there is nothing to compare."""
    import torch

    from harness.numerics import in_force
    from harness.tasks.classification import Classification

    first = next(after.parameters())
    if first.is_meta:
        return
    task = Classification()
    batch = task.example(task.input_config(after), 2, str(first.device))
    # As in training and scoring, and not at the runtime's precision: TF32 would differ by more than what is looked for.
    with torch.no_grad(), in_force(Runtime(), str(first.device)):
        wanted, found = (_outputs(net, batch.inputs.to(first.dtype)) for net in (before, after))
    difference, largest = float((found - wanted).abs().amax()), float(wanted.abs().amax())
    if not difference <= TOLERANCE * largest:
        raise HarnessError(f"the deployed form differs by {difference:.3g} from outputs of up to {largest:.3g}")


def _outputs(net: nn.Module, inputs: Tensor) -> Tensor:
    found: Tensor = net.eval()(inputs)
    return found.double()


def _fault(what: str) -> SpecError:
    return SpecError(Problem("transforms.deploy", what))
