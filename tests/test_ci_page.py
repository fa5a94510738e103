"""The workflow and the batch script of docs/ci.md: they parse, and their commands run against a tiny snapshot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import records_of, stored
from ruamel.yaml import YAML
from sided import PLAN, again
from small_studies import small, written

from harness.snapshots import place, save
from harness.store import Store

PAGE = (Path(__file__).parent.parent / "docs" / "ci.md").read_text(encoding="utf-8")


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def _workflow() -> dict[str, Any]:
    (text,) = _blocks("yaml")
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


def _batch_script() -> str:
    return next(text for text in _blocks("bash") if text.startswith("#!"))


def _steps() -> dict[str, str]:
    return {step["name"]: step["run"] for step in _workflow()["jobs"]["check"]["steps"] if "run" in step}


def _bash(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    root = str(Path(__file__).parent.parent)
    own = {"PATH": path, "PYTHONPATH": root, "STUDY": "study.yaml", "SNAPSHOT": "base", "XDG_CONFIG_HOME": str(folder)}
    own |= {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary")}
    environment = {**os.environ, **own, **variables}
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_workflow_names_steps_that_exist_and_variables_that_it_sets() -> None:
    job, scripts = _workflow()["jobs"]["check"], _steps()
    assert list(scripts) == ["install", "measure", "compare", "comment"]
    used = set(re.findall(r"\$\{?([A-Z_]+)", "\n".join(scripts.values())))
    assert used <= set(job["env"]) | {"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "PULL"}


@pytest.mark.parametrize(
    ("slower", "code", "told"),
    [(1.0, 0, "### No regression"), (1.2, 1, "### Regression"), (None, 3, "### Nothing was compared")],
)
def test_the_step_that_compares_ends_as_the_check_does(
    tmp_path: Path, slower: float | None, code: int, told: str
) -> None:
    store = stored(PLAN, Store(tmp_path / "results"), again(records_of(PLAN), seed=0))
    save(store, PLAN.study, place(store.root, "base") / PLAN.study)
    for record in again(records_of(PLAN), slower=slower) if slower else ():
        store.write_record(record)
    done = _bash(_steps()["compare"], tmp_path, STUDY=PLAN.study)
    assert done.returncode == (0 if code == 3 else code), done.stderr
    assert ("::warning::nothing was compared" in done.stdout) == (code == 3)
    assert (tmp_path / "output").read_text() == f"code={code}\n"
    assert (tmp_path / "summary").read_text().startswith(told)
    assert (tmp_path / "check.xml").is_file()


@pytest.mark.docs
def test_the_workflow_and_the_batch_script_run_from_top_to_bottom(tmp_path: Path) -> None:
    options = {"img_size": 8, "patch_size": 2, "embed_dim": 32, "num_heads": 2, "depth": 2}
    model = {"name": "tiny", "architecture": "deit_tiny_patch16_224", "options": options, "weights": "random"}
    written(tmp_path, small(collectors=["macs"], models=[model]))
    for script in (_steps()["measure"], 'python -m harness snapshot save "$SNAPSHOT" --study "$STUDY"'):
        done = _bash(script, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    night = _bash(_batch_script(), tmp_path)
    assert night.returncode == 0, night.stdout + night.stderr
    assert "No regression: no noisy metric was judged" in night.stdout
    (summary,) = tmp_path.glob("checks/*/check.md")
    assert summary.read_text().startswith("### No regression")
    assert _bash(_steps()["compare"], tmp_path).returncode == 0


def test_the_batch_script_has_no_error_of_syntax() -> None:
    assert subprocess.run(["bash", "-n"], input=_batch_script(), text=True, check=False).returncode == 0
    assert _batch_script().count("#SBATCH") == 5
