"""A cost that is measured in a process of its own: the same structure, and nothing of what this process did."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_studies import TINY_MODEL, launched, records, small, written

from harness.collectors.guard import CollectorFault
from harness.inventory import kept_inventory
from harness.runtimes import DEFAULT
from harness.schema import Options
from harness.stages.alone import collect_alone
from harness.stages.errands import Errand, Setting
from harness.stages.subjects import subject_anew
from harness.tasks.images import ImageInput
from harness.trials import TrialSpec

pytestmark = pytest.mark.slow

CONFIG = ImageInput((1, 8, 8), (0.5,), (0.5,), "bicubic", 0.9, "center")
TASK: Options = {"num_classes": 10, "in_chans": 1}


def errand(tmp_path: Path, removed: tuple[str, ...] = (), **collector: Any) -> Errand:
    options = TINY_MODEL["options"]
    spec = TrialSpec(
        architecture="deit_tiny_patch16_224", options=options, weights={"random": True}, data={"name": "digits"}
    )
    inventory = kept_inventory(tmp_path, spec.architecture, options, TASK)
    gone = tuple(s for unit in inventory.units("attention") for s in unit.sublayers if s.name in removed)
    return Errand(Setting("classification", TASK, CONFIG, "cpu"), spec, gone, collector, 1, ())


def test_the_structure_is_built_anew_without_the_removed(tmp_path: Path) -> None:
    told = errand(tmp_path, ("blocks.1.attn",), name="params")
    subject = subject_anew(told.setting, told.spec, told.gone)
    sizes = [sum(p.numel() for p in net.parameters()) for net in (subject.candidate, subject.baseline)]
    assert sizes[0] < sizes[1]
    assert told.spec.runs_in() == DEFAULT


def test_a_collector_answers_from_another_process(tmp_path: Path) -> None:
    (found,) = collect_alone(errand(tmp_path, ("blocks.1.attn",), name="params"))
    assert found.value is not None
    assert found.value < float(found.details["baseline"])  # type: ignore[arg-type]  # a number


def test_a_fault_over_there_is_told_here(tmp_path: Path) -> None:
    with pytest.raises(CollectorFault, match="collector_failed: TypeError: 'accuracy' measures no cost"):
        collect_alone(errand(tmp_path, name="accuracy"))


def test_a_companion_runs_every_errand_in_a_process_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "companion.py"
    script.write_text(
        "import pickle, sys\n"
        "from harness.stages.alone import Companion\n"
        "from harness.collectors.guard import CollectorFault\n"
        "companion = Companion.fork()\n"
        "for errand in pickle.loads(sys.stdin.buffer.read()):\n"
        "    try:\n"
        "        print(companion.collect(errand)[0].metric)\n"
        "    except CollectorFault as fault:\n"
        "        print(fault)\n"
    )
    told = [errand(tmp_path, name="params"), errand(tmp_path, name="accuracy"), errand(tmp_path, name="params")]
    done = subprocess.run(
        [sys.executable, str(script)], input=pickle.dumps(told), capture_output=True, timeout=120, check=True
    )
    fault = "collector_failed: TypeError: 'accuracy' measures no cost"
    assert done.stdout.decode().splitlines() == ["params", fault, "params"]


def test_a_companion_that_is_killed_is_told_and_not_waited_for(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, pickle, signal, sys\n"
        "from harness.stages.alone import Companion\n"
        "from harness.collectors.guard import CollectorFault\n"
        "companion = Companion.fork()\n"
        "os.kill(companion._pid, signal.SIGKILL)\n"
        "try:\n"
        "    companion.collect(pickle.loads(sys.stdin.buffer.read()))\n"
        "except CollectorFault as fault:\n"
        "    print(fault)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        input=pickle.dumps(errand(tmp_path, name="params")),
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.decode().startswith("collector_failed: the process beside is gone")


def test_peak_memory_of_a_study_is_of_a_process_of_its_own(tmp_path: Path) -> None:
    study = small(collectors=[{"name": "memory", "batch": 64}])
    launched(written(tmp_path, study), tmp_path)
    for runs in records(tmp_path, "small").values():
        (found,) = runs[-1].measurements
        assert found.metric == "peak_bytes"
        assert found.value is not None or "below resolution" in str(found.reason)
