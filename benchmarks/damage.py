"""A study whose every file is damaged, again and again: does the command make it whole, to the same numbers?

    OMP_WAIT_POLICY=passive .venv/bin/python -m benchmarks.damage [--rounds 20] [--seed 0]

Each round copies the results of a finished study, cuts or changes every file of them with a seed, gives `status`,
`report` and `run` again, and compares every exact value with the undisturbed run. Prints one JSON object; exit code 1
where one differs, a command ends in a traceback, or a trial stays undone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from harness.store import Store

STUDY = """\
study: damaged
data: digits
models:
  - name: tiny
    architecture: deit_tiny_patch16_224
    options: {img_size: 8, patch_size: 2, embed_dim: 32, num_heads: 2, depth: 3}
    weights: {train: {steps: 20}}
criteria: [entropy, last]
counts: [1]
recoveries: [{name: finetune, steps: 5}]
collectors: [accuracy, macs, params]
"""
FINE = (0, 1, 2, 3)  # exit codes that are answers


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Other bytes than these: cut at a random place, one to three bits flipped, a piece zeroed, or nothing left."""
    if not data:
        return chance.randbytes(chance.randrange(1, 40))
    place = chance.randrange(len(data))
    kind = chance.randrange(5)
    if kind == 0:
        return b"" if chance.random() < 0.2 else data[:place]
    found = bytearray(data)
    if kind == 1:
        length = chance.randrange(1, 512)
        found[place : place + length] = bytes(len(data[place : place + length]))
    else:
        for _ in range(chance.randrange(1, 4)):
            found[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(found) if bytes(found) != data else data[:place]


def called(folder: Path, *words: str) -> tuple[int, str]:
    """Exit code of a command, and what it complained of."""
    command = [sys.executable, "-m", "harness", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def exact(results: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every exact value of every trial with a good record."""
    return {
        record.trial.id: sorted((m.metric, str(m.split), m.value) for m in record.measurements)
        for record in Store(results).records("damaged")
        if record.status == "ok"
    }


def main() -> int:
    """Runs, damages, runs again, compares, prints."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=0)
    asked = arguments.parse_args()
    chance, seen, files = random.Random(asked.seed), Counter[str](), 0
    complaints: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        whole.mkdir()
        (whole / "damaged.yaml").write_text(STUDY)
        run = ("run", "damaged.yaml", "--device", "cpu")
        seen[f"undisturbed run: {called(whole, *run)[0]}"] += 1
        right = exact(whole / "results")
        for _ in range(asked.rounds):
            home = shutil.copytree(whole, Path(place) / "round")
            for path in sorted(path for path in (home / "results").rglob("*") if path.is_file()):
                path.write_bytes(damaged(path.read_bytes(), chance))
                files += 1
            for words in (("status", "damaged"), ("report", "damaged"), run):
                code, said = called(home, *words)
                seen[f"{words[0]} ends with {code}"] += 1
                if words == run and code:
                    complaints.append(said)
                seen["tracebacks"] += code not in FINE
            found = exact(home / "results")
            seen["trials left undone"] += len(right.keys() - found.keys())
            seen["trials whose exact values differ"] += sum(found[t] != v for t, v in right.items() if t in found)
            shutil.rmtree(home)
    print(
        json.dumps(
            {"seed": asked.seed, "files damaged": files, "trials": len(right), **seen, "said by run": complaints},
            indent=1,
        )
    )
    return int(any(seen[name] for name in ("tracebacks", "trials left undone", "trials whose exact values differ")))


if __name__ == "__main__":
    sys.exit(main())
