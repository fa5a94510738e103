"""Plain training of what is left after a removal."""

from __future__ import annotations

from harness.recipes import TrainOptions
from harness.recoveries.base import Recovering, Recovery, recoveries


@recoveries.register("finetune")
class Finetune(Recovery, TrainOptions):
    """Trains the remaining weights on the training part, with the options of `weights.train`.

    One forward and backward pass an item and epoch; the baseline is trained for as long.
    """

    def recover(self, recovering: Recovering) -> dict[str, float]:
        from harness.training import train

        part = recovering.data.parts["train"]
        return train(
            recovering.net, recovering.task, part, self, recovering.device, recovering.seed, recovering.progress
        )
