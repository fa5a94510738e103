"""Every file of a finished study cut short or changed: told, set aside or made again, and never another number."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from small_studies import launched, small, written

from benchmarks.damage import damaged
from harness.artifacts import Artifacts
from harness.cli.status import show_status
from harness.errors import HarnessError
from harness.executors.inline import Inline, Process
from harness.following import Unwatched
from harness.launch import watch
from harness.live import remember
from harness.plan import make_plan
from harness.process_mark import mark
from harness.report.view import view
from harness.store import Store
from harness.study_file import load_study

SEED = 0
TIMES = 3  # that each file is damaged
EXACT = ("top1", "macs", "params")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study that uses every stage, and its results."""
    home = tmp_path_factory.mktemp("finished")
    study = small(recoveries=[{"name": "finetune", "steps": 2}], collectors=["accuracy", "macs", "params"])
    launched(written(home, study), home / "results")
    gone = mark() | {"born": "0"}
    for job in (home / "results" / "small" / "jobs").glob("*-0.json"):
        remember(job, Inline(), Process(job, gone))
    (home / "results" / ".leases" / "prepare-0123456789ab.lease").write_text(json.dumps({"token": "ab", **gone}))
    return home


def values(results: Path) -> dict[tuple[Any, ...], str]:
    """All that the table of the trials shows, by trial and column, without what is missing there."""
    rows = view(Store(results), "small").table.astype(object).to_dict("records")
    found = {(row["id"], column): str(value) for row in rows for column, value in row.items()}
    return {key: value for key, value in found.items() if value not in ("nan", "<NA>", "None")}


def files(results: Path) -> Iterator[Path]:
    return (path for path in sorted(results.rglob("*")) if path.is_file())


def test_no_damage_to_a_single_file_changes_a_number_or_ends_in_a_traceback(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED)
    right, plan = values(home / "results"), make_plan(load_study(home / "study.yaml"), home / "results")
    made = {artifact.folder.relative_to(home): artifact.manifest for artifact in intact_artifacts(home / "results")}
    for path in [*files(home / "results")]:
        for number in range(TIMES):
            results = shutil.copytree(home / "results", tmp_path / "results")
            hurt = results / path.relative_to(home / "results")
            hurt.write_bytes(damaged(hurt.read_bytes(), chance))
            where = (str(path.relative_to(home)), number)
            if "inventory" in path.parts:
                assert make_plan(load_study(home / "study.yaml"), results) == plan, where
            elif "artifacts" in path.parts:
                found = {a.folder.relative_to(tmp_path): a.manifest for a in intact_artifacts(results)}
                assert found.items() <= made.items(), where
                assert len(found) == len(made) - 1, where
            else:
                assert seen(results).items() <= right.items(), where
            shutil.rmtree(results)
    capsys.readouterr()


def intact_artifacts(results: Path) -> Iterator[Any]:
    for folder in sorted((results / "artifacts").glob("[!i]*/*/*")):
        found = Artifacts(results).exact(*folder.parts[-3:])
        if found is not None:
            yield found


def seen(results: Path) -> dict[tuple[Any, ...], str]:
    """What the commands that only read make of a folder; a sentence is an answer."""
    for look in (lambda: show_status("small", True, results), lambda: watch(Store(results), "small", Unwatched())):
        with suppress(HarnessError):
            look()
    return values(results)


def test_a_study_of_which_every_file_is_damaged_is_made_again(home: Path, tmp_path: Path) -> None:
    chance = random.Random(SEED + 1)
    right = values(home / "results")
    results = shutil.copytree(home / "results", tmp_path / "results")
    before = [*files(results)]
    for path in before:
        path.write_bytes(damaged(path.read_bytes(), chance))
    summary = launched(home / "study.yaml", results)
    assert (len(summary.ok), summary.failed, summary.left) == (summary.total, {}, 0)
    found = values(results)
    assert {key: found[key] for key in right if key[1] in EXACT} == {k: v for k, v in right.items() if k[1] in EXACT}
    assert len(Store(results).read("small").damaged) == summary.total  # told, and left for their owner
    assert len([*results.glob("artifacts/*/*/*.damaged-*")]) > 0
