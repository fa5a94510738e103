"""Where a study runs, and what a launch writes before it starts anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_studies import Silent, small, written

from harness.errors import DeviceError, HarnessError, SpecError
from harness.jobs import EventTail
from harness.launch import launch
from harness.place import Orders, check_device, place_of
from harness.records import STAGES
from harness.site import Site
from harness.study_file import load_study


def test_the_command_line_overrides_the_site() -> None:
    place = place_of(Site(device="cuda", executor={"name": "inline"}), Orders(device="cpu", executor="local"))
    assert (place.device, place.executor.name) == ("cpu", "local")


def test_an_executor_that_is_named_again_keeps_its_options() -> None:
    site = Site(executor={"name": "slurm", "trials_per_job": 3})
    assert place_of(site, Orders(device="cpu", executor="slurm")).executor.options() == {"trials_per_job": 3}
    assert place_of(site, Orders(device="cpu", executor="local")).executor.options() == {}


def test_without_a_gpu_auto_is_the_cpu_and_cuda_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert place_of(Site(), Orders()).device == "cpu"
    with pytest.raises(DeviceError, match="no usable GPU"):
        place_of(Site(device="cuda"), Orders())


def test_an_unknown_device_is_told() -> None:
    with pytest.raises(SpecError, match=r"must be auto, cpu, cuda, cuda:N or cuda:N\+M, not 'tpu'"):
        place_of(Site(), Orders(device="tpu"))


def test_half_precision_on_the_cpu_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    file = load_study(written(tmp_path, small(recoveries=["none", {"name": "finetune", "epochs": 1, "amp": True}])))
    with pytest.raises(SpecError, match=r"study\.yaml: recoveries\.1\.amp: needs a GPU"):
        launch(file, tmp_path / "results", Orders(device="cpu"), Silent())
    assert [p.name for p in (tmp_path / "results").iterdir()] == ["artifacts"]


@pytest.mark.parametrize(
    ("changes", "on_cpu", "told"),
    [
        ({"runtimes": [{"dtype": "tf32"}]}, "select", ""),
        ({"runtimes": [{"dtype": "tf32"}]}, "cost", "runtimes.0: "),
        ({"recoveries": [{"name": "finetune", "epochs": 1, "amp": True}]}, "select", ""),
        ({"recoveries": [{"name": "finetune", "epochs": 1, "amp": True}]}, "recover", "recoveries.0.amp: needs a GPU"),
    ],
)
def test_a_stage_is_asked_for_what_it_does_itself(
    tmp_path: Path, changes: dict[str, object], on_cpu: str, told: str
) -> None:
    file = load_study(written(tmp_path, small(**changes)))
    assert file.study is not None
    devices = {stage: {"cpu" if stage == on_cpu else "cuda"} for stage in STAGES}
    if told:
        with pytest.raises(SpecError, match=told):
            check_device(file, file.study, devices)
    else:
        check_device(file, file.study, devices)


@pytest.mark.parametrize("changes", [{"counts": [9]}, {"executor": "cloud"}, {"study": "artifacts"}], ids=str)
def test_nothing_is_written_for_a_study_that_cannot_run(tmp_path: Path, changes: dict[str, object]) -> None:
    file = load_study(written(tmp_path, small(**changes)))
    with pytest.raises(HarnessError):
        launch(file, tmp_path / "results", Orders(device="cpu"), Silent())
    assert [p.name for p in (tmp_path / "results").iterdir()] == ["artifacts"]
    assert [p.name for p in (tmp_path / "results" / "artifacts").iterdir()] == ["inventory"]


def test_half_an_event_is_left_for_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = EventTail(path)
    assert list(tail.new()) == []
    path.write_text('{"event": "a", "time": 1}\n{"time": 2, "event"')
    assert [event["event"] for event in tail.new()] == ["a"]
    with path.open("a") as stream:
        stream.write(': "b"}\n')
    assert [event["event"] for event in tail.new()] == ["b"]
