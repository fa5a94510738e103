"""A trial run again from its record alone, and everything that must be there for it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from small_studies import TINY_MODEL, Silent, launched, records, run_here, small, written

from harness.collectors.base import collectors
from harness.errors import DataError, DeviceError, HarnessError, SpecError, StoreError, UnknownNameError
from harness.records import Record
from harness.repetition.comparison import compare
from harness.reproduction import Means, Reproduction, reproduction
from harness.schema import digest
from harness.site import Site
from harness.trials import TrialSpec

pytestmark = pytest.mark.slow

CPU = Means(device="cpu")
LATENCY = {"name": "latency", "warmup": 1, "rounds": 1, "pairs": 3}
RAISES = """
from harness.criteria.base import Criterion, criteria

@criteria.register("stumbling")
class Stumbling(Criterion):
    \"\"\"Trips over what it is given.\"\"\"

    def score(self, scoring, unit, gone=()):
        raise ArithmeticError("the scores broke down")
"""


def _candidate(results: Path) -> Record:
    (found,) = (r for runs in records(results, "small").values() for r in runs if not r.trial.is_baseline)
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A candidate of a small study with a trained model, per-item outcomes and a noisy measurement."""
    folder = tmp_path_factory.mktemp("recorded")
    study = small(criteria=["similarity"], collectors=["accuracy", "macs", "params", LATENCY])
    launched(written(folder, study), folder / "results")
    return _candidate(folder / "results")


@pytest.fixture(scope="module")
def again(recorded: Record, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The same trial, run again."""
    return reproduction(recorded, tmp_path_factory.mktemp("again") / "results", CPU).run(Silent())


def _prepared(record: Record, folder: Path, **means: Any) -> Reproduction:
    return reproduction(record, folder / "again", Means(**{"device": "cpu", **means}))


def _with_spec(record: Record, **changes: Any) -> Record:
    trial = record.trial.model_copy(update={"spec": {**record.trial.spec, **changes}})
    return record.model_copy(update={"trial": trial})


def test_every_exact_part_comes_out_the_same_to_the_bit(recorded: Record, again: Record) -> None:
    found = compare(recorded, again, margin=0.05)
    exact = [finding for finding in found.findings if finding.kind == "exact"]
    assert {finding.verdict for finding in exact} == {"equal"}
    assert {"selection scores", "items of top1 test", "top1 test", "macs", "proof"} <= {f.what for f in exact}
    assert found.changes == ()


def test_nothing_is_reused_and_the_same_is_asked(recorded: Record, again: Record) -> None:
    assert not any(stage.reused for stage in again.run.stages.values())
    assert again.run.asked == recorded.run.asked
    assert again.trial == recorded.trial
    assert {m.asked.key for m in again.measurements} == {m.asked.key for m in recorded.measurements}


def test_collectors_have_the_options_of_the_record(tmp_path: Path, recorded: Record) -> None:
    wanted: list[dict[str, Any]] = [{"name": "accuracy"}, {"name": "macs"}, {"name": "params"}, LATENCY]
    found = _prepared(recorded, tmp_path)
    assert sorted(map(str, found.job.collectors)) == sorted(str(collectors.create(one).identity()) for one in wanted)
    assert found.unanswered == {}


def test_a_changed_record_is_found_out(recorded: Record, again: Record) -> None:
    changed = tuple(
        m.model_copy(update={"value": 0.5}) if (m.metric, m.split) == ("top1", "test") else m
        for m in recorded.measurements
    )
    found = compare(recorded.model_copy(update={"measurements": changed}), again, margin=0.05)
    assert [f.what for f in found.findings if f.kind == "exact" and f.verdict != "equal"] == ["top1 test"]


def test_a_failed_record_fails_again_with_the_same_words(tmp_path: Path) -> None:
    plugin = tmp_path / "stumbling.py"
    plugin.write_text(RAISES)
    study = small(criteria=["stumbling"], plugins=[str(plugin)], models=[{**TINY_MODEL, "weights": "random"}])
    run_here(written(tmp_path, study), tmp_path / "results")
    record = _candidate(tmp_path / "results")
    assert record.status == "failed"
    new = _prepared(record, tmp_path, plugins=(plugin,)).run(Silent())
    found = compare(record, new, margin=0.05)
    assert (found.findings[0].what, found.findings[0].verdict) == ("how the run ended", "equal")
    assert not found.is_empty


def test_an_absent_plug_in_and_an_edited_one_are_told(tmp_path: Path, recorded: Record) -> None:
    criterion = {"name": "stumbling", "code": "0123456789ab"}
    record = _rehashed(_with_spec(recorded, criterion=criterion))
    with pytest.raises(SpecError, match=r"unknown criterion 'stumbling'.*--plugins FILE names it"):
        _prepared(record, tmp_path)
    plugin = tmp_path / "stumbling.py"
    plugin.write_text(RAISES)
    with pytest.raises(SpecError, match="its file was edited since"):
        _prepared(record, tmp_path, plugins=(plugin,))
    with pytest.raises(SpecError, match=r"absent\.py: cannot be read"):
        _prepared(record, tmp_path, plugins=(tmp_path / "absent.py",))


def _rehashed(record: Record) -> Record:
    """The record with the digest that its spec gives."""
    found = digest(TrialSpec.model_validate(record.trial.spec).identity())
    trial = record.trial
    names = {"digest": found, "id": trial.id.replace(trial.digest, found)}
    return record.model_copy(update={"trial": trial.model_copy(update=names)})


def test_weights_from_a_file_are_known_by_their_hash(tmp_path: Path, recorded: Record) -> None:
    weights, other = tmp_path / "weights.safetensors", tmp_path / "other.safetensors"
    weights.write_bytes(b"these")
    other.write_bytes(b"those")
    sha256 = hashlib.sha256(b"these").hexdigest()
    record = _rehashed(_with_spec(recorded, weights={"file": sha256}, model_seed=None))
    with pytest.raises(SpecError, match=f"a file with SHA-256 {sha256}: --weights FILE names it"):
        _prepared(record, tmp_path)
    with pytest.raises(DataError, match="its SHA-256 is"):
        _prepared(record, tmp_path, weights=other)
    with pytest.raises(DataError, match=r"absent\.safetensors: cannot be read"):
        _prepared(record, tmp_path, weights=tmp_path / "absent.safetensors")
    assert _prepared(record, tmp_path, weights=weights).job.files == {sha256: str(weights)}
    with pytest.raises(SpecError, match="the weights of this trial are no file; leave it out"):
        _prepared(recorded, tmp_path, weights=weights)


def test_data_with_a_folder_is_found_by_the_site_file(tmp_path: Path, recorded: Record) -> None:
    record = _rehashed(_with_spec(recorded, data={"name": "folder", "label": "pictures"}))
    with pytest.raises(DataError, match=r"say it in the site file: paths: \{pictures: DIR\}"):
        _prepared(record, tmp_path)
    with pytest.raises(DataError, match="the folder that the site file names"):
        _prepared(record, tmp_path, site=Site(paths={"pictures": str(tmp_path / "absent")}))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"architecture": "deit_tyni"}, UnknownNameError),
        ({"criterion": {"name": "lsat"}}, UnknownNameError),
        ({"data": {"name": "digit"}}, UnknownNameError),
    ],
)
def test_a_name_that_is_unknown_here_is_told(
    tmp_path: Path, recorded: Record, changes: dict[str, Any], error: type[HarnessError]
) -> None:
    with pytest.raises(HarnessError, match="unknown") as caught:
        _prepared(_rehashed(_with_spec(recorded, **changes)), tmp_path)
    assert "did you mean" in str(caught.value)


def test_a_spec_that_is_not_that_of_the_id_is_refused(tmp_path: Path, recorded: Record) -> None:
    with pytest.raises(SpecError, match=r"trial\.spec: describes a trial with the digest"):
        _prepared(_with_spec(recorded, count=2), tmp_path)
    with pytest.raises(SpecError, match=r"trial\.spec\.colour: no such field"):
        _prepared(_with_spec(recorded, colour="red"), tmp_path)


@pytest.mark.parametrize("changes", [{"study": "../out"}, {"study": "artifacts"}, {"id": "../../out"}])
def test_no_name_in_a_record_leads_out_of_the_results(
    tmp_path: Path, recorded: Record, changes: dict[str, str]
) -> None:
    record = recorded.model_copy(update={"trial": recorded.trial.model_copy(update=changes)})
    with pytest.raises(SpecError):
        _prepared(record, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused(tmp_path: Path, recorded: Record) -> None:
    (tmp_path / "again").mkdir()
    assert _prepared(recorded, tmp_path).job.results == str(tmp_path / "again")
    (tmp_path / "again" / "something").write_text("")
    with pytest.raises(StoreError, match="is there already, and not empty"):
        _prepared(recorded, tmp_path)


def test_a_record_of_a_gpu_is_not_run_on_the_cpu_in_silence(
    tmp_path: Path, recorded: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert recorded.environment is not None
    environment = recorded.environment.model_copy(update={"device": "cuda:0"})
    record = recorded.model_copy(update={"environment": environment})
    with pytest.raises(DeviceError, match=r"the record was made on a GPU.*--device cpu runs it on the CPU"):
        _prepared(record, tmp_path, device=None)
    assert _prepared(record, tmp_path).place.device == "cpu"
    assert _prepared(record, tmp_path, device=None, site=Site(device="cpu")).place.device == "cpu"


def test_a_record_of_the_cpu_runs_on_the_cpu_wherever_nothing_else_is_said(tmp_path: Path, recorded: Record) -> None:
    assert _prepared(recorded, tmp_path, device=None).place.device == "cpu"


def test_what_needs_a_gpu_is_refused_on_the_cpu(tmp_path: Path, recorded: Record) -> None:
    with pytest.raises(DeviceError, match="tf32"):
        _prepared(_rehashed(_with_spec(recorded, runtime={"dtype": "tf32"})), tmp_path)
    with pytest.raises(DeviceError, match="it trains with amp, which needs a GPU"):
        _prepared(_rehashed(_with_spec(recorded, weights={"train": {"steps": 1, "amp": True}})), tmp_path)


def test_a_revised_plug_in_is_noted(tmp_path: Path, recorded: Record) -> None:
    record = _rehashed(_with_spec(recorded, criterion={"name": "last", "revision": 7}))
    assert _prepared(record, tmp_path).notes == (
        "criterion 'last' was at revision 7 and is at 1 here, so its numbers differ",
    )


def test_a_skipped_trial_has_nothing_to_run_again(tmp_path: Path, recorded: Record) -> None:
    with pytest.raises(StoreError, match="so there is no run of it"):
        _prepared(recorded.model_copy(update={"status": "skipped", "reason": "too large"}), tmp_path)
