"""A shipped study on a real Slurm: in the default run too, where Slurm is installed and tests may start it."""

from __future__ import annotations

from pathlib import Path

import pytest
from clusters import (
    cluster,  # noqa: F401  # a fixture
    exact,
)
from small_studies import STUDIES, launched, records

NODES = ("node1", "node2")
pytestmark = [pytest.mark.slurm_brief, pytest.mark.usefixtures("cluster"), pytest.mark.xdist_group(NODES[0])]
EXACT = "collectors=[accuracy, macs, params]"
ON_SLURM = (
    EXACT,
    "executor={name: slurm, slurm_exclude: node3, trials_per_job: 3, timeout_min: 30}",
    "resources={default: {mem_gb: 1, timeout_min: 8}, cost: {cpus_per_task: 2}}",
)


def test_a_shipped_study_gives_on_nodes_what_it_gives_at_home(tmp_path: Path) -> None:
    study, there, home = STUDIES / "smoke.yaml", tmp_path / "there", tmp_path / "home"
    summary = launched(study, there, *ON_SLURM)
    assert (len(summary.ok), summary.failed, summary.left) == (5, {}, 0)
    arrays = sorted((there / "smoke/logs").glob("submitit-*"))
    assert [len(list(array.glob("*_submission.sh"))) for array in arrays] == [1, 1, 1]
    assert sorted(len(list(array.glob("*_submitted.pkl"))) for array in arrays) == [1, 2, 2]  # the training first
    found = records(there, "smoke")
    assert {run.run.executor for runs in found.values() for run in runs} == {"slurm"}
    launched(study, home, EXACT, executor="inline")
    assert exact(found) == exact(records(home, "smoke"))
    assert launched(study, there, *ON_SLURM).done_before == 5
