"""The standard objection to a removal: the same small network, trained from random weights."""

from __future__ import annotations

from harness.recipes import RecoveryOptions
from harness.recoveries.base import Recovering, Recovery, recoveries
from harness.recoveries.tuning import course_of, recovered


@recoveries.register("scratch")
class Scratch(Recovery, RecoveryOptions):
    """Forgets all weights and trains the architecture without the removed parts from random ones.

    The weights are drawn from the recovery's seed as `weights.train` draws them (Liu et al. 2019, arXiv 1810.05270, ask
    whether pruning beats this). It is a fair opponent at the whole length: the epochs that the untouched model was
    trained for and those of the recovery it stands beside. One forward and backward pass an item and epoch.
    """

    def recover(self, recovering: Recovering) -> dict[str, float]:
        return recovered(self, recovering, _begun_anew)


def _begun_anew(options: Scratch, recovering: Recovering, keeps_end: bool) -> dict[str, float]:
    from harness.training.loop import train

    fresh = recovering.anew(recovering.seed)
    part, course = recovering.data.parts["train"], course_of(recovering, keeps_end)
    figures = train(
        fresh, recovering.task, part, options, recovering.device, recovering.seed, recovering.progress, course
    )
    recovering.net.load_state_dict(fresh.state_dict())
    recovering.net.eval()
    return figures
