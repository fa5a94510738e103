"""Questions lead back to their collectors, whatever options these had, and a user's own too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.answering import answering, sets_beside_test
from harness.collectors.base import Collector, collectors
from harness.plugins import load_plugins
from harness.questions import Scene, questions
from harness.records import Asked
from harness.runtimes import Runtime

PLAIN = Scene(is_baseline=True)  # some collectors are asked of baselines only
OWN = """
from pydantic import Field
from harness.collectors.base import CostCollector, collectors
from harness.records import Asked

@collectors.register("by_colour")
class ByColour(CostCollector):
    \"\"\"One measurement for each colour and size.\"\"\"

    colours: tuple[str, ...] = Field(("red",))
    sizes: tuple[int, ...] = Field((1,))
    depth: int = 3

    def asked(self):
        own = {"depth": self.depth} if self.depth != 3 else {}
        single = [{"colour": c, "size": s, **own, "code": self.code} for c in self.colours for s in self.sizes]
        return (*(Asked(metric="tone", at=at) for at in single), Asked(metric="mean_tone", at=self.options()))

    def collect(self, subject, clock):
        return ()
"""


def _asked(*made: Collector, scene: Scene = PLAIN) -> list[Asked]:
    return [question for collector in made for question in questions(collector, scene)]


def _identities(asked: list[Asked], scene: Scene = PLAIN) -> list[dict[str, Any]]:
    found = answering(asked, scene)
    assert found.unanswered == {}
    return [collector.identity() for collector in found.collectors]


@pytest.mark.parametrize("name", collectors.members())
def test_every_collector_is_found_by_its_questions(name: str) -> None:
    made = collectors.create({"name": name})
    assert _identities(_asked(made)) == [made.identity()]


@pytest.mark.parametrize(
    "identity",
    [
        {"name": "latency", "batch": 4, "warmup": 7, "pairs": 3},
        {"name": "throughput", "batch": [8]},
        {"name": "throughput", "batch": [128, 8, 32], "pairs": 5},
        {"name": "memory", "batch": 2, "repeats": 5},
        {"name": "stability", "subsets": 4, "sizes": [16, 8]},
        {"name": "optimum", "up_to": 2},
    ],
    ids=str,
)
def test_options_come_back_from_the_conditions(identity: dict[str, Any]) -> None:
    made = collectors.create(identity)
    assert _identities(_asked(made)) == [made.identity()]


def test_several_collectors_are_told_apart() -> None:
    identities: tuple[dict[str, Any], ...] = (
        {"name": "latency"},
        {"name": "latency", "batch": 8},
        {"name": "throughput", "batch": [4, 2]},
    )
    made = [collectors.create(identity) for identity in identities]
    assert _identities(_asked(*made)) == [one.identity() for one in made]


def test_lists_are_put_together_only_where_that_answers_the_same() -> None:
    made = [collectors.create({"name": "stability", "sizes": [size]}) for size in (8, 16)]
    assert _identities(_asked(*made)) == [one.identity() for one in made]


def test_conditions_and_splits_of_the_trial_are_not_the_collectors() -> None:
    made = collectors.create({"name": "accuracy"})
    scene = Scene(runtime=Runtime(dtype="bf16", attention="math"), test_sets=("v2", "real"))
    asked = _asked(made, scene=scene)
    assert {one.split for one in asked} >= {"test:v2", "test:real"}
    assert any(one.at for one in asked)
    assert sets_beside_test(asked) == ("v2", "real")
    assert _identities(asked, scene) == [made.identity()]


def test_a_users_own_collector_is_found_with_its_lists(tmp_path: Path) -> None:
    path = tmp_path / "by_colour.py"
    path.write_text(OWN)
    load_plugins([path])
    options: tuple[dict[str, Any], ...] = (
        {},
        {"colours": ["blue", "green"], "sizes": [3, 1, 2]},
        {"colours": ["blue"], "depth": 5},
    )
    for given in options:
        made = collectors.create({"name": "by_colour", **given})
        assert _identities(_asked(made)) == [made.identity()]


def test_what_nobody_answers_is_told_with_what_would_help() -> None:
    strange = Asked(metric="tone", at={"colour": "red"})
    owned = Asked(metric="tone", at={"code": "0123456789ab"})
    older = Asked(metric="latency_s", at={"batch": 1, "revision": 99})
    found = answering([strange, owned, older], PLAIN)
    assert found.collectors == ()
    assert found.unanswered[strange.key] == "no collector known here gives 'tone'; --plugins FILE names one's own"
    assert "SHA-256 begins 0123456789ab; --plugins FILE names it" in found.unanswered[owned.key]
    assert "which no collector here does; one does under {'batch': 1" in found.unanswered[older.key]
