"""What is lost when launchers, workers and children are killed at random moments? Nothing may be.

    OMP_WAIT_POLICY=passive .venv/bin/python benchmarks/chaos.py [--kills 50] [--trials 40] [--seed 0]

A study of exact metrics runs once undisturbed and once with a SIGKILL every few seconds to a process of its
family, drawn with a seed; the command is given again whenever its launcher is gone. Afterwards every trial must have a
good record and every exact value must be that of the undisturbed run. Prints one JSON object; exit code 1 where
anything differs.
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
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from harness.records import Record
from harness.store import Store

STUDY = """\
study: chaos
data: digits
models:
  - name: tiny
    architecture: deit_tiny_patch16_224
    options: {{img_size: 8, patch_size: 2, embed_dim: 32, num_heads: 2, depth: 6}}
    weights: {{train: {{epochs: 2}}}}
criteria: [last, {{name: random, draws: {draws}}}]
counts: [2]
recoveries: [{{name: finetune, steps: 120}}]
collectors: [accuracy, macs, params]
"""
LONGEST_S = 6.0  # between two kills, on a machine that is quiet
SHARE = 0.1  # of the undisturbed run, where that takes longer: else a busy machine never comes to a trial
LIMIT_S = 3600.0


@dataclass
class Abuse:
    """A study's command, given again and again, and what was killed of it."""

    folder: Path
    random: random.Random
    longest_s: float = LONGEST_S
    launches: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    _launcher: subprocess.Popen[bytes] | None = None

    def launch(self) -> subprocess.Popen[bytes]:
        """The command, unless it still runs."""
        if self._launcher is None or self._launcher.poll() is not None:
            self.launches += 1
            self._launcher = subprocess.Popen(
                command(), cwd=self.folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        return self._launcher

    def strike(self) -> None:
        """Kills one process of the family, if there is any."""
        launcher = self.launch()
        time.sleep(self.random.uniform(0.1, self.longest_s))
        with suppress(psutil.Error):
            whole = psutil.Process(launcher.pid)
            family = sorted([whole, *whole.children(recursive=True)], key=lambda process: process.create_time())
            roles = {process: role(process, launcher.pid) for process in family}
            kind = self.random.choice(sorted(set(roles.values())))
            self.random.choice([process for process in family if roles[process] == kind]).kill()
            self.killed[kind] += 1
            if kind == "launcher":
                launcher.wait()  # else the next blow would fall on a dead one, and count

    def finish(self) -> None:
        """The command once more, to its end."""
        if self._launcher is not None:
            self._launcher.wait()
        self.launches += 1
        subprocess.run(command("--retry-failed"), cwd=self.folder, env=environment(), check=True, capture_output=True)


def command(*more: str) -> list[str]:
    """How the study is run."""
    return [sys.executable, "-m", "harness", "run", "chaos.yaml", "--device", "cpu", *more]


def environment() -> dict[str, str]:
    """One thread, so that sums are made in one order."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


def role(process: psutil.Process, launcher: int) -> str:
    """What a process of the family does."""
    if process.pid == launcher:
        return "launcher"
    words = " ".join(process.cmdline())
    if "harness.worker" in words:
        return "worker"
    return "fork server or child" if "forkserver" in words else "helper"


def exact(results: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every exact value of every trial's newest good record."""
    newest: dict[str, Record] = {}
    for record in Store(results).records("chaos"):
        if record.status == "ok":
            newest[record.trial.id] = record
    return {
        trial: sorted((m.metric, str(m.split), m.value) for m in record.measurements)
        for trial, record in newest.items()
    }


def main() -> int:
    """Runs, abuses, compares, prints."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--trials", type=int, default=40)
    arguments.add_argument("--seed", type=int, default=0)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place:
        homes = [Path(place) / name for name in ("calm", "abused")]
        for home in homes:
            home.mkdir()
            (home / "chaos.yaml").write_text(STUDY.format(draws=asked.trials - 3))  # two baselines, and `last`
        started = time.monotonic()
        calm = Abuse(homes[0], random.Random(asked.seed))
        calm.finish()
        calm_s = time.monotonic() - started
        abuse = Abuse(homes[1], random.Random(asked.seed), max(LONGEST_S, SHARE * calm_s))
        while sum(abuse.killed.values()) < asked.kills and time.monotonic() - started < LIMIT_S:
            abuse.strike()
        abuse.finish()
        expected, found = (exact(home / "results") for home in homes)
        runs = Counter(record.status for record in Store(homes[1] / "results").records("chaos"))
        answer = {
            "trials": len(expected),
            "kills": dict(abuse.killed),
            "launches": abuse.launches,
            "runs": dict(runs),
            "trials without a good record": len(expected.keys() - found.keys()),
            "trials whose exact values differ": sum(found.get(trial) != values for trial, values in expected.items()),
            "damaged files": len(Store(homes[1] / "results").read("chaos").damaged),
            "longest pause": round(abuse.longest_s, 1),
            "seconds undisturbed": round(calm_s, 1),
            "seconds abused": round(time.monotonic() - started - calm_s, 1),
        }
    print(json.dumps(answer, indent=1))
    return int(expected != found or not expected)


if __name__ == "__main__":
    sys.exit(main())
