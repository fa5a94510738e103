"""Exams of a network: kept by what was asked of which weights, and what fails is null and asked again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from small_studies import written
from text_files import write_texts, write_tokenizer
from tiny_decoder import OPTIONS

from harness.collectors.base import ExamCollector, Examinee
from harness.collectors.metrics import answer
from harness.environment import environment_of
from harness.jobs import Assignment, Job
from harness.plan import make_plan
from harness.records import Asked, Measurement, Outcome
from harness.stages.base import Bench, Network
from harness.stages.bench import bench_of
from harness.stages.examine import examine
from harness.stages.prepare import prepare
from harness.study_file import load_study

DATA = {"name": "text", "label": "texts", "separator": "\n\n\n", "context": 16}


class Counting(ExamCollector):
    """Asks how many parameters there are, and notes whom it asked."""

    asked_of: ClassVar[list[Examinee]] = []
    is_unlucky: bool = False

    def asked(self) -> tuple[Asked, ...]:
        return (Asked(metric="lm_eval", at={"task": "counting"}),)

    def collect(self, examinee: Examinee) -> tuple[tuple[Measurement, ...], tuple[Outcome, ...]]:
        self.asked_of.append(examinee)
        if self.is_unlucky:
            raise RuntimeError("no luck")
        found = answer(self.asked()[0], "exact", float(sum(p.numel() for p in examinee.net.parameters())))
        packed: dict[str, Any] = {"items": 1, "encoding": "bits", "data": "gA==", "order": "o"}
        kept = Outcome(split=None, metric="lm_eval", at=found.at, item="question", **packed)
        return (found,), (kept,)


Counting.name = "counting"


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Bench, Network]:
    write_texts(tmp_path / "texts")
    write_tokenizer(tmp_path / "words")
    study: dict[str, Any] = {
        "study": "exams",
        "data": {
            "name": "text",
            "label": "texts",
            "separator": "\n\n\n",
            "context": 16,
            "tokenizer": {"label": "words"},
        },
        "models": [{"name": "tiny", "architecture": "hf-config:llama", "options": OPTIONS, "weights": "random"}],
        "criteria": ["last"],
        "counts": [1],
        "collectors": ["params"],
        "paths": {"texts": str(tmp_path / "texts"), "words": str(tmp_path / "words")},
    }
    file = load_study(written(tmp_path, study))
    plan = make_plan(file, tmp_path)
    job = Job(
        id="j", study="exams", results=str(tmp_path), assignments=(), collectors=(), submitted=time.time(),
        paths=file.site.paths,
    )  # fmt: skip
    assignment = Assignment(trial=plan.trials[0], asked=())
    bench = bench_of(job, assignment, environment_of("cpu", 1), "r", lambda stage, note: None)
    Counting.asked_of.clear()
    return bench, prepare(bench)[0]


def test_the_network_is_asked_once_for_its_weights(opened: tuple[Bench, Network]) -> None:
    bench, network = opened
    first, (used,) = examine(bench, network, [Counting()])
    again, (reused,) = examine(bench, network, [Counting()])
    assert first == again
    assert [one.data for one in first.outcomes] == ["gA=="]
    assert first.measurements[0].value == sum(p.numel() for p in network.net.parameters())
    assert (used[1], reused[1]) == (False, True)
    examine(bench, Network(network.net, "other weights"), [Counting()])
    assert len(Counting.asked_of) == 2
    assert {(one.net, one.device) for one in Counting.asked_of} == {(network.net, "cpu")}
    assert [one.tokenizer.name for one in Counting.asked_of if one.tokenizer] == ["tokenizer.json"] * 2


def test_what_fails_is_null_with_the_reason_and_kept_nowhere(opened: tuple[Bench, Network]) -> None:
    bench, network = opened
    for _ in range(2):
        measured, used = examine(bench, network, [Counting(is_unlucky=True)])
        (found,) = measured.measurements
        assert (found.value, used) == (None, [])
        assert found.reason == "collector_failed: RuntimeError: no luck"
    assert len(Counting.asked_of) == 2
