"""What is lost when launchers, workers and children are killed at random moments? Nothing may be.

    OMP_WAIT_POLICY=passive .venv/bin/python benchmarks/chaos.py [--kills 50] [--trials 40] [--seed 0]

A study of exact metrics runs once undisturbed and then with SIGKILLs to a launcher, a worker or a child: which of
them is drawn with a seed, then how long after one is seen. The command is given again whenever its launcher is gone; a
study that is complete begins anew in another folder until all kills are spent. Every trial of every folder must then
have a good record and every exact value must be that of the undisturbed run. Prints one JSON object; exit code 1 where
anything differs, or an hour did not suffice for all kills.
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

from harness.device_queue import FOLDER
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
ROLES = ("launcher", "worker", "child")
LONGEST_S = 6.0  # from a process to its kill, on a machine that is quiet
PATIENCE = 10.0  # times as long a process is waited for
SHARE = 0.1  # of the undisturbed run, where that takes longer: else a busy machine never comes to a trial
LIMIT_S = 3600.0


@dataclass
class Abuse:
    """A study's command, given again and again in one folder, and what was killed of it."""

    folder: Path
    random: random.Random
    longest_s: float = LONGEST_S
    launches: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    _launcher: subprocess.Popen[bytes] | None = None

    def is_over(self) -> bool:
        """Whether the command came to its end unharmed."""
        return self._launcher is not None and self._launcher.poll() in (0, 1)

    def strike(self) -> None:
        """Kills one process, of the kind that was drawn where such a one appears."""
        launcher = self._launch()
        wanted = self.random.choice(ROLES)
        deadline = time.monotonic() + PATIENCE * self.longest_s
        while launcher.poll() is None and time.monotonic() < deadline and not _family(launcher.pid)[wanted]:
            time.sleep(0.1)
        time.sleep(self.random.uniform(0.0, self.longest_s))
        found = _family(launcher.pid) if launcher.poll() is None else {}
        there = [role for role, processes in found.items() if processes]
        if not there:
            return
        role = wanted if wanted in there else self.random.choice(there)
        with suppress(psutil.Error):
            self.random.choice(found[role]).kill()
            self.killed[role] += 1
        if role == "launcher":
            launcher.wait()  # else the next blow would fall on a dead one, and count

    def finish(self) -> None:
        """The command once more, to its end."""
        if self._launcher is not None:
            self._launcher.wait()
        self.launches += 1
        subprocess.run(
            command("--retry-failed"), cwd=self.folder, env=environment(self.folder), check=True, capture_output=True
        )

    def _launch(self) -> subprocess.Popen[bytes]:
        """The command, unless it still runs."""
        if self._launcher is None or self._launcher.poll() is not None:
            self.launches += 1
            self._launcher = subprocess.Popen(
                command(),
                cwd=self.folder,
                env=environment(self.folder),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return self._launcher


def command(*more: str) -> list[str]:
    """How the study is run."""
    return [sys.executable, "-m", "harness", "run", "chaos.yaml", "--device", "cpu", *more]


def environment(folder: Path) -> dict[str, str]:
    """One thread, so that sums are made in one order; nothing is timed, so no device is waited for."""
    leases = folder / "leases"
    leases.mkdir(mode=0o700, exist_ok=True)
    return {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", FOLDER: str(leases)}


def _family(launcher: int) -> dict[str, list[psutil.Process]]:
    """What runs of a command, by what it does, the oldest first."""
    found: dict[str, list[psutil.Process]] = {role: [] for role in ROLES}
    with suppress(psutil.Error):
        whole = psutil.Process(launcher)
        found["launcher"] = [whole]
        for process in sorted(whole.children(recursive=True), key=lambda process: process.create_time()):
            with suppress(psutil.Error):
                found["worker" if "harness.worker" in " ".join(process.cmdline()) else "child"].append(process)
    return found


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
        started = time.monotonic()
        Abuse(home(place, "calm", asked.trials), random.Random(asked.seed)).finish()
        calm_s = time.monotonic() - started
        expected = exact(Path(place) / "calm/results")
        longest_s = max(LONGEST_S, SHARE * calm_s)
        rounds = abused(place, asked, longest_s)
        found = [exact(one.folder / "results") for one in rounds]
        read = [Store(one.folder / "results").read("chaos") for one in rounds]
        answer = {
            "trials": len(expected),
            "rounds": len(rounds),
            "kills": dict(sum((one.killed for one in rounds), Counter())),
            "launches": [one.launches for one in rounds],
            "runs": dict(Counter(_end(record) for one in read for record in one.records)),
            "trials without a good record": sum(len(expected.keys() - one.keys()) for one in found),
            "trials whose exact values differ": sum(
                one.get(trial) != values for one in found for trial, values in expected.items()
            ),
            "damaged files": sum(len(one.damaged) for one in read),
            "longest pause": round(longest_s, 1),
            "seconds undisturbed": round(calm_s, 1),
            "seconds abused": round(time.monotonic() - started - calm_s, 1),
        }
    print(json.dumps(answer, indent=1))
    are_spent = sum(sum(one.killed.values()) for one in rounds) >= asked.kills
    return int(any(one != expected for one in found) or not expected or not are_spent)


def _end(record: Record) -> str:
    """How a run ended: its status, or the class of its failure."""
    return record.failure.kind if record.failure else record.status


def home(place: str, name: str, trials: int) -> Path:
    """An empty folder with the study in it."""
    folder = Path(place) / name
    folder.mkdir()
    (folder / "chaos.yaml").write_text(STUDY.format(draws=trials - 3))  # two baselines, and `last`
    return folder


def abused(place: str, asked: argparse.Namespace, longest_s: float) -> list[Abuse]:
    """The study under kills, in as many folders as it takes to spend them, each brought to its end."""
    draw, rounds, deadline = random.Random(asked.seed), list[Abuse](), time.monotonic() + LIMIT_S
    left = asked.kills
    while left > 0 and time.monotonic() < deadline:
        one = Abuse(home(place, f"abused-{len(rounds)}", asked.trials), draw, longest_s)
        rounds.append(one)
        while sum(one.killed.values()) < left and not one.is_over() and time.monotonic() < deadline:
            one.strike()
        one.finish()
        left -= sum(one.killed.values())
    return rounds


if __name__ == "__main__":
    sys.exit(main())
