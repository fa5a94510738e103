"""From a study file to records, through plan, launcher, executor, worker and stages, in seconds."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_studies import STUDIES, launched, records, run_here, small, written

from harness.following import Summary
from harness.records import Record
from harness.schema import sha256
from harness.spec import Study
from harness.store import Store
from harness.study_file import load_study, read_yaml

pytestmark = pytest.mark.slow
MORE = (
    "collectors=[accuracy, macs, params, {name: latency, warmup: 1, rounds: 1, pairs: 3},"
    "{name: latency, batch: 2, warmup: 1, rounds: 1, pairs: 3}]"
)


@dataclass
class Story:
    """The shipped smoke study, run again and again in one results folder; each act with its records."""

    results: Path
    summaries: dict[str, Summary]
    acts: dict[str, dict[str, list[Record]]]

    def one(self, act: str) -> list[Record]:
        """The newest record of each trial after an act, baselines first."""
        newest = [runs[-1] for runs in self.acts[act].values()]
        return sorted(newest, key=lambda record: (not record.trial.is_baseline, record.trial.id))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    results = tmp_path_factory.mktemp("smoke") / "results"
    told = Story(results, {}, {})

    def act(name: str, *overrides: str, **orders: object) -> None:
        told.summaries[name] = launched(STUDIES / "smoke.yaml", results, *overrides, **orders)
        told.acts[name] = records(results, "smoke")

    act("limited", limit=1)
    act("run")
    act("again")
    act("more", MORE)
    act("fresh cost", "collectors=[accuracy, macs, {name: latency, warmup: 1, rounds: 1, pairs: 3}]", fresh="cost")
    _flip(next((results / "artifacts" / "prepare").glob("*/*/weights.safetensors")))
    damaged = next(path for path in (results / "smoke").glob("tiny-attention-entropy*/*.json"))
    for path in damaged.parent.glob("*.json"):
        path.write_text(path.read_text().replace('"ok"', '"no"', 1))
    act("damaged")
    return told


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 0xFF
    path.write_bytes(data)


def test_every_trial_ends_well(story: Story) -> None:
    found = story.one("run")
    assert len(found) == 5
    assert [record.status for record in found] == ["ok"] * 5


def test_every_file_holds_the_checksum_of_its_content(story: Story) -> None:
    paths = [p for p in (story.results / "smoke").glob("*/*.json") if p.parent.name not in ("jobs", "logs")]
    fits = []
    for path in paths:
        plain = json.loads(path.read_text())
        fits.append(plain.pop("checksum") == sha256(plain))
    assert Counter(fits)[False] == len(list(story.results.glob("smoke/tiny-attention-entropy*/*.json"))) - 1


def test_everything_asked_is_measured_or_null_with_a_reason(story: Story) -> None:
    for record in story.one("run"):
        measured = {m.asked.key for m in record.measurements}
        assert {a.key for a in record.run.asked} <= measured
        assert all(m.value is not None or m.reason for m in record.measurements)


def test_each_removal_is_proved(story: Story) -> None:
    for record in story.one("run"):
        assert record.proof is not None
        assert record.proof.status == ("not_applicable" if record.trial.is_baseline else "passed")


def test_what_is_removed_is_said_by_name_and_as_a_recipe(story: Story) -> None:
    for record in story.one("run")[1:]:
        (name,) = record.removed
        depth = int(name.split(".")[1])
        assert name == f"blocks.{depth}.attn"
        assert record.recipe == {"attention": (depth,)}


def test_a_limited_run_takes_one_candidate_with_its_baseline_and_says_so(story: Story) -> None:
    found = story.acts["limited"]
    assert len(found) == 2
    assert all(runs[0].run.limited for runs in found.values())


def test_the_rest_is_run_without_the_mark(story: Story) -> None:
    assert Counter(runs[0].run.limited for runs in story.acts["run"].values()) == {True: 2, False: 3}
    assert story.summaries["run"].done_before == 2
    assert len(story.summaries["run"].ok) == 3


def test_running_again_does_nothing(story: Story) -> None:
    assert story.summaries["again"].ok == []
    assert story.acts["again"] == story.acts["run"]


def test_a_new_collector_measures_only_what_is_missing(story: Story) -> None:
    for runs in story.acts["more"].values():
        assert len(runs) == 2
        assert [(a.metric, a.at["batch"]) for a in runs[1].run.asked] == [("latency_s", 2)]
        assert {m.metric for m in runs[1].measurements} == {"latency_s"}
        assert runs[1].run.stages["prepare"].reused


def test_costs_are_measured_again_and_old_runs_kept(story: Story) -> None:
    for trial, runs in story.acts["fresh cost"].items():
        assert runs[:2] == story.acts["more"][trial]
        assert runs[2].run.stages["prepare"].reused
        assert runs[2].run.stages["evaluate"].reused
    fresh = [runs[2].run.stages["cost"].reused for runs in story.acts["fresh cost"].values()]
    assert Counter(fresh) == {False: 2, True: 3}  # one for nothing removed, one that four equal structures share


def test_equal_sets_are_evaluated_once(story: Story) -> None:
    found = story.one("run")
    stages = {record.removed: set[str]() for record in found}
    for record in found:
        stages[record.removed].add(record.run.stages["evaluate"].key)
    assert len(stages) < len(found)  # four candidates remove one of three: two must be equal
    assert all(len(keys) == 1 for keys in stages.values())
    assert sum(not record.run.stages["evaluate"].reused for record in found) == len(stages)


def test_equal_structures_share_one_cost_and_say_whose(story: Story) -> None:
    candidates = story.one("run")[1:]
    latencies = [m for r in candidates for m in r.measurements if m.metric == "latency_s"]
    own = [m for m in latencies if m.shared_from is None]
    assert len(own) == 1
    assert len({m.samples for m in latencies}) == 1
    measured = next(r for r in candidates if own[0] in r.measurements)
    assert {m.shared_from.trial for m in latencies if m.shared_from} == {measured.trial.id}
    assert {m.shared_from.run for m in latencies if m.shared_from} == {measured.run.id}


def test_damaged_weights_are_set_aside_and_made_again(story: Story) -> None:
    homes = list((story.results / "artifacts" / "prepare").glob("*/*"))
    assert sum(".damaged-" in home.name for home in homes) == 1
    assert sum("." not in home.name for home in homes) == 1
    (again,) = story.summaries["damaged"].ok
    assert not story.acts["damaged"][again][-1].run.stages["prepare"].reused


def test_a_damaged_record_is_told_and_its_trial_run_again(story: Story) -> None:
    damaged = Store(story.results).read("smoke").damaged
    assert damaged
    assert all("checksum" in one.reason and "entropy" in one.path for one in damaged)
    (again,) = story.summaries["damaged"].ok
    assert "entropy" in again


def test_the_resolved_study_is_a_study_that_asks_the_same(story: Story) -> None:
    resolved = load_study(story.results / "smoke" / "study.resolved.yaml")
    assert resolved.problems == ()
    assert resolved.study == load_study(STUDIES / "smoke.yaml").study


def test_no_file_of_a_run_names_a_folder_of_this_machine(story: Story) -> None:
    kept = [p for p in (story.results / "smoke").rglob("*.json") if "jobs" not in p.parts]
    assert kept
    assert [p.name for p in kept if str(Path.home()) in p.read_text() or str(story.results) in p.read_text()] == []


def test_jobs_and_logs_are_for_their_owner_alone(story: Story) -> None:
    modes = [(story.results / "smoke" / name).stat().st_mode & 0o777 for name in ("jobs", "logs")]
    assert modes == [0o700, 0o700]


def test_the_baseline_has_the_same_recovery(tmp_path: Path) -> None:
    study = small(recoveries=[{"name": "finetune", "steps": 2}], targets=["block"], collectors=["accuracy", "macs"])
    run = run_here(written(tmp_path, study), tmp_path / "results")
    found = {record.trial.id: record for record in run}
    (candidate,) = [r for r in found.values() if not r.trial.is_baseline]
    baseline, untouched = found[str(candidate.trial.baseline)], found[str(candidate.trial.untouched)]
    assert [record.status for record in run] == ["ok"] * 3
    assert len(found) == 3
    assert candidate.trial.spec["recovery"] == baseline.trial.spec["recovery"] == {"name": "finetune", "steps": 2}
    assert "recovery" not in untouched.trial.spec
    assert candidate.removed == ("blocks.2.attn", "blocks.2.mlp")
    contents = {record.run.stages["recover"].content for record in found.values()}
    assert len(contents) == 3


def test_submitit_runs_a_study_on_this_machine(tmp_path: Path) -> None:
    path = written(tmp_path, small(executor={"name": "local"}))
    assert len(launched(path, tmp_path / "results").ok) == 2
    assert launched(path, tmp_path / "results").ok == []
    found = records(tmp_path / "results", "small")
    assert {runs[0].run.executor for runs in found.values()} == {"local"}


def test_the_shipped_smoke_study_is_an_example() -> None:
    assert Study.model_validate(read_yaml(STUDIES / "smoke.yaml")).example
