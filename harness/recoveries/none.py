"""No training after a removal."""

from __future__ import annotations

from harness.recoveries.base import Recovering, Recovery, recoveries


@recoveries.register("none")
class Untrained(Recovery):
    """Nothing is trained: the removal as it is. Free."""

    trains = False

    def recover(self, recovering: Recovering) -> dict[str, float]:
        return {}
