"""lambda-ViT's dilution learning: what is to go fades while the whole network is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from harness.recipes import RecoveryOptions
from harness.recoveries.base import Recovering, Recovery, recoveries
from harness.recoveries.tuning import course_of, recovered
from harness.training.schedules import faded_from, fading_factor

if TYPE_CHECKING:
    from harness.training.fading import Fading


@recoveries.register("dilution")
class Dilution(Recovery, RecoveryOptions):
    """Trains the whole network while a factor takes what is to go from 1 to 0 (arXiv 2404.05657).

    Under `identity` a fading branch gives u = (2 - l) x + l A(x), which ends at u = 2x, the paper's form; under `skip`
    u = x + l A(x), which ends at u = x. Per epoch l(e) = max(0, 1 - e / last), e = 0, 1, ..., with last = `fade` times
    the epochs, rounded half up, at least 1 and at most all but one: of the paper's 400 epochs it is 299. A length in
    steps has the same schedule by step. What is left after the last step is kept, never the best on the way: before
    l is 0 the network is not yet the one without those parts. With nothing removed this is plain training.
    """

    fade: float = Field(299 / 400, gt=0, le=1, description="share of the length after which the factor is 0")

    @model_validator(mode="after")
    def _has_time_to_fade(self) -> Dilution:
        if 1 in (self.epochs, self.steps):
            raise ValueError("needs at least 2 epochs (or steps): the first has factor 1, the last has factor 0")
        return self

    def recover(self, recovering: Recovering) -> dict[str, float]:
        return recovered(self, recovering, _diluted)


def _diluted(options: Dilution, recovering: Recovering, keeps_end: bool) -> dict[str, float]:
    from harness.training.fading import Fading
    from harness.training.loop import train

    whole = copy.deepcopy(recovering.whole)
    part, course = recovering.data.parts["train"], course_of(recovering, keeps_end)
    with Fading(whole, recovering.sublayers, recovering.removal) as fading:
        course = replace(course, before_step=_schedule(options, fading))
        figures = train(
            whole, recovering.task, part, options, recovering.device, recovering.seed, recovering.progress, course
        )
    left = whole.state_dict()
    recovering.net.load_state_dict({name: left[name] for name in recovering.net.state_dict()})
    recovering.net.eval()
    return figures | {"faded_from": float(faded_from(options.epochs or options.steps or 0, options.fade))}


def _schedule(options: Dilution, fading: Fading) -> Callable[[int, int], None]:
    length = options.epochs or options.steps or 0

    def before_step(epoch: int, step: int) -> None:
        fading.set(fading_factor(epoch if options.epochs else step, length, options.fade))

    return before_step
