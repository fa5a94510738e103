"""What the harness itself costs: wall time of a study against the time its stages took, and the start of a child.

    .venv/bin/python benchmarks/overhead.py [--rounds 3]

Prints one JSON object. `overhead` is (wall time of the study - one start-up) / (sum of stages.*.elapsed_s).
`start_ratio` is the CPU time of a fresh process that imports torch and timm, over that of a child forked from a
server that has them, the two taken in turn.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STUDY = """
study: overhead
data: digits
models:
  - name: vit
    architecture: deit_tiny_patch16_224
    options: {img_size: 8, patch_size: 2, embed_dim: 64, num_heads: 4, depth: 8}
    weights: random
criteria: [{name: random, draws: 9}]
counts: [2, 4]
seeds: [0, 1]
recoveries: [{name: finetune, steps: 60}]
collectors: [accuracy, macs, params, latency, throughput]
costs: each
"""


def study_overhead() -> dict[str, Any]:
    """One study of 40 trials (36 candidates, 2 baselines with the recovery, 2 without), each of at least 2 s."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "overhead.yaml"
        file.write_text(STUDY)
        command = [sys.executable, "-m", "harness", "run", str(file), "--device", "cpu"]
        places = ["--results", f"{folder}/results", "--reports", f"{folder}/reports"]
        began, started = time.time(), time.perf_counter()
        subprocess.run([*command, *places], check=True, stdout=subprocess.DEVNULL)
        wall_s = time.perf_counter() - started
        results = Path(folder) / "results" / "overhead"
        runs = [json.loads(path.read_text()) for path in results.glob("vit-*/*.json")]
        events = [json.loads(line) for path in results.glob("jobs/*.jsonl") for line in path.open()]
    ended = max(event["time"] for event in events if event["event"] == "ended")
    first = min(event["time"] for event in events if event["event"] == "started")
    per_trial = [sum(stage["elapsed_s"] for stage in run["run"]["stages"].values()) for run in runs]
    return {
        "trials": len(runs),
        "shortest_trial_s": round(min(per_trial), 2),
        "stages_s": round(sum(per_trial), 1),
        "start_up_s": round(first - began, 1),
        "wall_s": round(wall_s, 1),
        "report_s": round(wall_s - (ended - began), 1),
        "overhead": round((ended - first) / sum(per_trial), 4),
        "overhead_with_report": round((wall_s - (first - began)) / sum(per_trial), 4),
    }


def _child_cpu_s(connection: Any) -> None:
    connection.send(time.process_time())
    connection.close()


def start_ratio(rounds: int) -> dict[str, Any]:
    """CPU seconds of a fresh process with torch and timm imported, and of a forked child at its first line."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.preload"])
    fresh_s, forked_s, forked_wall_s = [], [], []
    for round_ in range(rounds + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", "import torch, timm"], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours, theirs = context.Pipe()
        started = time.perf_counter()
        child = context.Process(target=_child_cpu_s, args=(theirs,))
        child.start()
        cpu_s = ours.recv()
        wall_s = time.perf_counter() - started
        child.join()
        if round_:  # the first child waits for its server, which is the start-up of a whole study
            fresh_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            forked_s.append(cpu_s)
            forked_wall_s.append(wall_s)
    ratios = [fresh / forked for fresh, forked in zip(fresh_s, forked_s, strict=True)]
    return {
        "rounds": rounds,
        "fresh_cpu_s": _spread(fresh_s),
        "forked_cpu_s": _spread(forked_s),
        "forked_wall_s": _spread(forked_wall_s),
        "start_ratio": _spread(ratios),
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "min": round(min(values), 4),
        "median": round(statistics.median(values), 4),
        "max": round(max(values), 4),
    }


def main() -> None:
    """Runs both measurements and prints them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7, help="fresh and forked processes, in turn")
    parser.add_argument("--studies", type=int, default=1, help="times that the study is run")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    found = {
        "process_start": start_ratio(arguments.rounds),
        "studies": [study_overhead() for _ in range(arguments.studies)],
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
