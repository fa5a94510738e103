"""Shows every trap of measuring on this machine, each as a number: what a careless measurement says, and what is so.

    OMP_WAIT_POLICY=passive .venv/bin/python -m benchmarks.traps [--only memory counters] [--out FILE]

Run in the folder of the repository. Every group runs in a process of its own and prints nothing; the answer is one JSON
object, by group and trap. Times are in seconds, sizes in bytes; what this machine cannot show is null with a reason.
`timing` and `threads` want a quiet machine and the two cores of it; the others may run beside anything.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from benchmarks.traps.groups import GROUPS, shown
from benchmarks.traps.processes import fresh
from harness.environment import versions
from harness.hardware import machine_fields
from harness.machine import fitness
from harness.schema import Json


def main() -> None:
    """Runs the groups, prints or writes what they found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS), help="these groups")
    parser.add_argument("--out", type=Path, help="a file for the JSON, instead of stdout")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    before = fitness()
    groups: dict[str, Json] = {group: fresh(shown, group) for group in asked.only}
    facts: dict[str, Json] = {**machine_fields(), "before": before, "after": fitness(), "versions": {**versions()}}
    text = json.dumps({"machine": facts, **groups}, indent=1)
    if asked.out is None:
        print(text)
    else:
        asked.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
