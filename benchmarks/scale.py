"""How long do planning, finding what is missing, `status` and a report take with very many trials and records?

Makes a study of about N trials and a valid record for each in a temporary folder, then starts every step in a process
of its own, in turn with a bare loop that opens and parses the same files and with pandas reading the trials of the
report from Parquet, several times. Before each report a trial is run once more. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from harness.index_file import NAME
from harness.pending import standings
from harness.plan import Plan, make_plan
from harness.records import Environment, Measurement, Record, Run, StageRun, StudyIndex, TrialInfo
from harness.schema import digest, sha256
from harness.store import Store
from harness.study_file import load_study
from harness.whole_file import write_whole

MODEL: dict[str, Any] = {
    "name": "vit",
    "architecture": "deit_tiny_patch16_224",
    "options": {"img_size": 8, "patch_size": 2, "embed_dim": 64, "num_heads": 4, "depth": 8},
    "weights": {"train": {"epochs": 5}},
}
TRIALS_PER_SEED = (
    197  # candidates by five criteria, one of them drawn ten times, at seven counts and two targets, and one baseline
)
ITEMS = 1_000  # of each split
STAGES = ("prepare", "select", "recover", "evaluate", "cost")
CODE = {
    "plan": (
        "from harness.cli import main\nsys.argv = ['harness', 'plan', 'scale.yaml', '--results', 'empty']\nmain()"
    ),
    "missing": (
        "from pathlib import Path\n"
        "from harness.pending import assignments, standings\n"
        "from harness.plan import make_plan\nfrom harness.store import Store\n"
        "from harness.study_file import load_study\n"
        "plan = make_plan(load_study(Path('scale.yaml')), Path('results'))\n"
        "todo = assignments(plan, standings(plan, Store(Path('results')).briefs('scale'), None))\n"
        "print(len(todo))"
    ),
    "status": "from harness.cli import main; sys.argv = ['harness', 'status', 'scale']; main()",
    "report": "from harness.cli import main; sys.argv = ['harness', 'report', 'scale']; main()",
    "parquet": "import pandas\nprint(len(pandas.read_parquet('reports/scale/trials.parquet')))",
    "bare": (
        "import json, os\n"
        "for folder in os.scandir('results/scale'):\n"
        "    if folder.is_dir():\n"
        "        for file in os.scandir(folder):\n"
        "            json.load(open(file))"
    ),
}
HEAD = "import sys, time\nbegun = time.perf_counter()\n"
TAIL = (
    "\npeak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))"
    "\nprint('seen', time.perf_counter() - begun, time.process_time(), int(peak.split()[1]) / 1e6)"
)


def main() -> None:
    """Prints the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--missing", type=int, default=100, help="trials left without a record")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="harness-scale-") as name:
        folder = Path(name)
        found = _made(folder, asked.trials, asked.missing, random.Random(asked.seed))
        found["first_reading"] = _timed(folder, "missing")  # there is no index yet
        found["index_mb"] = (folder / "results" / "scale" / NAME).stat().st_size / 1e6
        found["first_report"] = _timed(folder, "report")  # no row is kept yet
        rounds = [_round(folder) for _ in range(asked.rounds)]
        for step in CODE:
            seconds = sorted(one[step]["wall_s"] for one in rounds)
            ratios = sorted(one[step]["wall_s"] / one["bare"]["wall_s"] for one in rounds)
            found[step] = {
                "wall_s": seconds,
                "cpu_s": sorted(one[step]["cpu_s"] for one in rounds),
                "peak_gb": max(one[step]["peak_gb"] for one in rounds),
                "to_bare": ratios,
            }
        found["load_average"] = os.getloadavg()[0]
        print(json.dumps(found, indent=1))


def _made(folder: Path, trials: int, missing: int, chance: random.Random) -> dict[str, Any]:
    study = {
        "study": "scale",
        "data": "digits",
        "models": [MODEL],
        "targets": ["attention", "mlp"],
        "criteria": ["entropy", "similarity", "last", "first", {"name": "random", "draws": 10}],
        "counts": [1, 2, 3, 4, 5, 6, 7],
        "seeds": {"model": [*range(max(trials // TRIALS_PER_SEED, 1))]},
        "collectors": ["accuracy", "macs", "params", "latency"],
        "limits": {"trials": 10 * trials},
    }
    with (folder / "scale.yaml").open("w", encoding="utf-8") as stream:
        YAML(typ="safe", pure=True).dump(study, stream)
    results = folder / "results"
    plan = make_plan(load_study(folder / "scale.yaml"), results)
    make_plan(load_study(folder / "scale.yaml"), folder / "empty")  # the inventory is kept
    store = Store(results)
    store.write_index(_index(plan))
    asked = {s.trial.id: s.missing for s in standings(plan, (), None)}
    left = {trial.id for trial in chance.sample(plan.trials, missing)}
    begun, size, like = time.perf_counter(), 0, _record(plan.trials[0], asked[plan.trials[0].id], chance).to_json()
    costs: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for number, trial in enumerate(plan.trials):
        if trial.id not in left:
            measured = _measured(like, trial, costs, chance)
            size += _write(results / "scale" / trial.id, {**like, "measurements": measured}, trial, number)
    return {
        "trials": len(plan.trials),
        "left": missing,
        "gb": size / 1e9,
        "written_s": time.perf_counter() - begun,
        "plan_mb": (results / "scale" / "trials.json").stat().st_size / 1e6,
    }


def _round(folder: Path) -> dict[str, dict[str, float]]:
    """Every step once, the report after a trial was run once more."""
    found = {}
    for step in CODE:
        if step == "report":
            store = Store(folder / "results")
            trial = next(path for path in (store.root / "scale").iterdir() if path.is_dir() and any(path.iterdir()))
            (record,) = store.read("scale", trial.name).records[-1:]
            store.write_record(
                record.model_copy(update={"run": record.run.model_copy(update={"id": record.run.id + "x"})})
            )
        found[step] = _timed(folder, step)
    return found


def _measured(
    like: dict[str, Any],
    trial: TrialInfo,
    costs: dict[tuple[Any, ...], list[dict[str, Any]]],
    chance: random.Random,
) -> list[dict[str, Any]]:
    """An accuracy of the trial's own that falls with what is removed, and costs that equal structures share."""
    count = trial.count or 0
    structure = (trial.target, count)
    if structure not in costs:
        own = [m for m in like["measurements"] if m["split"] is None]
        costs[structure] = [{**m, "value": m["value"] * (1 - count / 20)} for m in own]
        shared = costs[structure]
    else:
        shared = [{**m, "shared_from": {"trial": trial.id, "run": "first"}} for m in costs[structure]]
    right = round(ITEMS * (0.95 - 0.02 * count - abs(chance.gauss(0, 0.01))))
    share = {"value": right / ITEMS, "details": {"items": ITEMS, "correct": right}}
    return [*({**m, **share} for m in like["measurements"] if m["split"] is not None), *shared]


def _write(folder: Path, like: dict[str, Any], trial: TrialInfo, number: int) -> int:
    """The file of a record like another, of another trial and run, with its own checksum; its size in bytes."""
    moment = f"2026-03-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}+00:00"
    run = {**like["run"], "id": f"20260301T000000-{number:08x}", "started": moment, "finished": moment}
    plain = {**like, "trial": trial.model_dump(mode="json"), "run": run}
    plain.pop("checksum")
    text = json.dumps({**plain, "checksum": sha256(plain)}, ensure_ascii=False)
    folder.mkdir()
    write_whole(folder / f"{run['id']}.json", text)  # as harness does: the folder is no older than what lies in it
    return len(text.encode())


def _index(plan: Plan) -> StudyIndex:
    return StudyIndex(
        study="scale",
        criteria=tuple(entry.label for entry in plan.criteria),
        collectors=tuple(collector.name for collector in plan.collectors),
        command="python -m harness run scale.yaml",
        trials=plan.trials,
    )


def _record(trial: TrialInfo, asked: Any, chance: random.Random) -> Record:
    samples = tuple(chance.lognormvariate(-6, 0.05) for _ in range(120))
    stages = {
        name: StageRun(
            key=digest([name, trial.id], 16),
            content=digest([name, 0], 16),
            reused=name == "prepare",
            made_by=trial.id,
            machine_class="0123456789",
            software_class="9876543210",
            elapsed_s=chance.lognormvariate(-1, 0.5),
        )
        for name in STAGES
    }
    moment = "2026-03-01T00:00:00+00:00"
    return Record(
        status="ok",
        trial=trial,
        run=Run(
            id="first",
            started=moment,
            finished=moment,
            executor="local",
            asked=asked,
            stages=stages,
        ),
        removed=tuple(f"blocks.{block}.attn" for block in range(trial.count or 0)),
        measurements=tuple(
            Measurement(
                metric=one.metric,
                split=one.split,
                at=one.at,
                unit="1",
                better="lower",
                kind="exact",
                value=chance.random(),
                samples=samples if one.metric == "latency_s" else (),
                baseline_samples=samples if one.metric == "latency_s" else (),
            )
            for one in asked
        ),
        environment=Environment(
            harness={"version": "0"},
            project={},
            machine_class="0123456789",
            machine={"cpu": "none"},
            software_class="9876543210",
            versions={"python": "3"},
            device="cpu",
            threads=1,
        ),
        timings={"total_s": chance.lognormvariate(1, 0.5)},
    )


def _timed(folder: Path, step: str) -> dict[str, float]:
    """Seconds on the wall and on the processor, imports included, and peak memory, of a process of its own."""
    code = HEAD + CODE[step] + TAIL
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    wall_s, cpu_s, peak_gb = map(float, done.stdout.splitlines()[-1].split()[1:])
    return {"wall_s": round(wall_s, 2), "cpu_s": round(cpu_s, 2), "peak_gb": round(peak_gb, 2)}


if __name__ == "__main__":
    main()
