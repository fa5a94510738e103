"""What a trial is asked: the questions of its collectors, on every test set of its data and in its runtime."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.collectors.base import Collector, CostCollector, OutcomeCollector
from harness.records import Asked
from harness.runtimes import DEFAULT, Runtime


@dataclass(frozen=True)
class Scene:
    """What decides beside a collector which questions there are; `test_sets` are names beside `test`."""

    is_baseline: bool = False
    runtime: Runtime = DEFAULT
    test_sets: tuple[str, ...] = ()


def questions(collector: Collector, scene: Scene) -> tuple[Asked, ...]:
    """Every measurement that a collector answers with in a trial.

    Outcomes in another dtype or attention kernel are asked for beside those in plain fp32, under an `at` of their own.
    """
    own = collector.asked()
    if isinstance(collector, CostCollector):
        return own if scene.is_baseline or not collector.of_baselines else ()
    if not isinstance(collector, OutcomeCollector):
        return own
    sets = scene.test_sets if collector.reads_test_sets else ()
    everywhere = (*own, *(_on(asked, name) for name in sets for asked in own if asked.split == "test"))
    at = scene.runtime.of_outcomes()
    return everywhere + tuple(a.model_copy(update={"at": {**a.at, **at}}) for a in everywhere if at)


def _on(asked: Asked, test_set: str) -> Asked:
    return asked.model_copy(update={"split": f"test:{test_set}"})


def answers(collector: Collector, scene: Scene, asked: Iterable[Asked]) -> bool:
    """Whether a collector answers anything of what is still to be measured."""
    keys = {one.key for one in asked}
    return any(own.key in keys for own in questions(collector, scene))
