"""Eight launchers of one study at the same moment: does every trial run once, and do all of them end well?

    OMP_WAIT_POLICY=passive .venv/bin/python -m benchmarks.launchers [--launchers 8]

Compares the exact values with those of one launcher alone. Prints one JSON object; exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.damage import STUDY, exact
from harness.store import Store

RUN = [sys.executable, "-m", "harness", "run", "damaged.yaml", "--device", "cpu"]


def launched(home: Path, launchers: int) -> list[int]:
    """Exit codes of so many commands at once."""
    home.mkdir()
    (home / "damaged.yaml").write_text(STUDY)
    quiet = subprocess.DEVNULL
    running = [
        subprocess.Popen([*RUN, "--reports", f"reports{number}"], cwd=home, stdout=quiet, stderr=quiet)
        for number in range(launchers)
    ]
    return [one.wait() for one in running]


def main() -> int:
    """Runs alone and together, compares, prints."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--launchers", type=int, default=8)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place:
        alone, together = Path(place) / "alone", Path(place) / "together"
        codes = launched(alone, 1) + launched(together, asked.launchers)
        runs = Counter(record.trial.id for record in Store(together / "results").records("damaged"))
        right, found = exact(alone / "results"), exact(together / "results")
        answer = {
            "launchers": asked.launchers,
            "exit codes": codes,
            "trials": len(right),
            "runs of a trial": sorted(runs.values()),
            "trials whose exact values differ": sum(found.get(trial) != values for trial, values in right.items()),
        }
    print(json.dumps(answer, indent=1))
    return int(any(codes) or found != right or {*runs.values()} != {1})


if __name__ == "__main__":
    sys.exit(main())
