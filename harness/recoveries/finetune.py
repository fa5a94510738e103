"""Plain training of what is left after a removal."""

from __future__ import annotations

from harness.recipes import RecoveryOptions
from harness.recoveries.base import Recovering, Recovery, recoveries
from harness.recoveries.tuning import course_of, recovered


@recoveries.register("finetune")
class Finetune(Recovery, RecoveryOptions):
    """Trains the remaining weights on the training part, with the options of `weights.train`.

    One forward and backward pass an item and epoch; the baseline is trained for as long.
    """

    def recover(self, recovering: Recovering) -> dict[str, float]:
        return recovered(self, recovering, _finetuned)


def _finetuned(options: Finetune, recovering: Recovering, keeps_end: bool) -> dict[str, float]:
    from harness.training.loop import train

    part, course = recovering.data.parts["train"], course_of(recovering, keeps_end)
    return train(
        recovering.net, recovering.task, part, options, recovering.device, recovering.seed, recovering.progress, course
    )
