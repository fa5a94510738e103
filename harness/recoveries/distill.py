"""Training after a removal with the untouched network as teacher."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from harness.recipes import RecoveryOptions
from harness.recoveries.base import Recovering, Recovery, recoveries
from harness.recoveries.tuning import course_of, recovered

if TYPE_CHECKING:
    from torch import Tensor

    from harness.tasks.base import Batch


@recoveries.register("distill")
class Distill(Recovery, RecoveryOptions):
    """Fine-tuning that also follows the outputs of the untouched network (Hinton et al. 2015, arXiv 1503.02531).

    loss = (1 - alpha) task loss + alpha T^2 KL(softmax(t / T) || softmax(s / T)), t the teacher's outputs in eval mode
    and s the student's, of the same augmented and mixed batch; mean over items, in nats. A backward pass and two
    forward passes an item and epoch. The baseline has the same teacher, which for it is its own beginning.
    """

    temperature: float = Field(2.0, gt=0, description="T, above 1 for softer outputs of both")
    alpha: float = Field(0.5, gt=0, le=1, description="share of the teacher in the loss; 1: no targets at all")

    def recover(self, recovering: Recovering) -> dict[str, float]:
        return recovered(self, recovering, _taught)


def divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)) over the last dimension, the mean over all others."""
    from torch.nn.functional import kl_div, log_softmax

    found, wanted = (log_softmax(outputs.float() / temperature, -1).flatten(0, -2) for outputs in (student, teacher))
    return kl_div(found, wanted, reduction="batchmean", log_target=True) * temperature**2


def _taught(options: Distill, recovering: Recovering, keeps_end: bool) -> dict[str, float]:
    import torch

    from harness.training.loop import train

    task, teacher = recovering.task, recovering.whole.eval()

    def loss(outputs: Tensor, batch: Batch) -> Tensor:
        with torch.no_grad():
            taught = task.forward(teacher, batch)
        both = (task.answers(outputs, batch), task.answers(taught, batch))
        own = task.loss(outputs, batch, options.label_smoothing)
        return (1 - options.alpha) * own + options.alpha * divergence(*both, options.temperature)

    part, course = recovering.data.parts["train"], replace(course_of(recovering, keeps_end), loss=loss)
    return train(recovering.net, task, part, options, recovering.device, recovering.seed, recovering.progress, course)
