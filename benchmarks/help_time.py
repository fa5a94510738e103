"""How long `harness --help` takes against importing typer and rich, the two in turn.

.venv/bin/python benchmarks/help_time.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

IMPORTS = [sys.executable, "-c", "import typer, rich"]
HELP = [sys.executable, "-m", "harness", "--help"]


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Prints the ratio's quartiles and both medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    pairs = [(_seconds(HELP), _seconds(IMPORTS)) for _ in range(rounds + 1)][1:]
    ratios = [mine / theirs for mine, theirs in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        json.dumps(
            {
                "rounds": rounds,
                "ratio": {"p25": round(low, 3), "median": round(middle, 3), "p75": round(high, 3)},
                "help_s": round(statistics.median(mine for mine, _ in pairs), 3),
                "imports_s": round(statistics.median(theirs for _, theirs in pairs), 3),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
