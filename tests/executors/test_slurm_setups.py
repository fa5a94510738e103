"""The worked set-ups of the Slurm guide: what they submit is what the guide shows."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from submitit.slurm.slurm import _make_sbatch_string

from harness.executors.slurm import Slurm
from harness.pending import assignments, standings
from harness.place import Orders, place_of
from harness.plan import make_plan
from harness.resources import only_trains
from harness.site import Site
from harness.store import Store
from harness.study_file import load_study
from harness.submission import Batch, batches_of

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/slurm.md"
SETUP = re.compile(r"### (?P<name>[^\n]+)\n\n```yaml\n(?P<site>.*?)```\n.*?```text\n(?P<shown>.*?)```", re.DOTALL)
SETUPS = [found.groupdict() for found in SETUP.finditer(GUIDE.read_text(encoding="utf-8"))]


def script(batch: Batch, after: list[str]) -> list[str]:
    """What sbatch is asked for, without what is the same for all, or this machine's own."""
    executor, leg = batch.load.executor, batch.load.leg
    assert isinstance(executor, Slurm)
    most = max(len(job.assignments) for job in batch.jobs)
    parameters = executor.parameters(leg.resources, batch.load.device, most, after, only_trains(leg.stages))
    text = _make_sbatch_string(command="WORK", folder="LOGS", map_count=len(batch.jobs), **parameters)
    lines = [line for line in text.splitlines() if line.startswith(("#SBATCH", "srun", "module"))]
    own = ("--output", "--error", "--job-name", "--open-mode", "--wckey")
    shown = [line for line in lines if not line.removeprefix("#SBATCH ").startswith(own)]
    return [re.sub(r"(srun)( --unbuffered)?( --output \S+ --error \S+)", r"\1", line).strip() for line in shown]


def submitted(site: str, folder: Path) -> str:
    file = load_study(ROOT / "studies/entropy_vs_similarity.yaml")
    plan = make_plan(file, folder)
    place = place_of(Site.model_validate(YAML(typ="safe", pure=True).load(site)), Orders())
    todo = assignments(plan, standings(plan, (), None))
    (route,) = batches_of(plan, place, todo, Store(folder), Orders())
    lines: list[str] = []
    for batch in route:
        lines.append(f"# {', '.join(batch.load.leg.stages)}")
        lines += script(batch, ["PREVIOUS"] if lines[1:] else [])
    return "\n".join(lines) + "\n"


def test_the_guide_has_three_setups() -> None:
    assert len(SETUPS) == 3


@pytest.mark.parametrize("setup", SETUPS, ids=[setup["name"] for setup in SETUPS])
def test_a_setup_submits_what_the_guide_shows(setup: dict[str, str], tmp_path: Path) -> None:
    found = submitted(setup["site"], tmp_path)
    if os.environ.get("UPDATE_GOLDEN"):
        text = GUIDE.read_text(encoding="utf-8")
        block = text[text.index(setup["site"]) :]
        start = text.index(block) + block.index("```text\n") + len("```text\n")
        GUIDE.write_text(text[:start] + found + text[text.index("```", start) :], encoding="utf-8")
    else:
        assert found == setup["shown"]
