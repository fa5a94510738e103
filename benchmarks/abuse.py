"""Ten thousand study files that nobody should write: is each planned, or refused in words, soon and in bounded memory?

    OMP_WAIT_POLICY=passive .venv/bin/python -m benchmarks.abuse [--files 10000] [--seed 0]

The files are seeded changes of the studies of this repository. Each is read and planned by a worker; one that takes
longer than the limit is killed. Prints one JSON object; exit code 1 where a file met a traceback, a hang, or a message
that is none.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.mutations import mutant
from harness.errors import HarnessError
from harness.plan import make_plan
from harness.study_file import load_study

ROOT = Path(__file__).parent.parent
LIMIT_S = 60.0  # of CPU time, for one file
SILENT_S = 900.0  # for a worker that waits for something, on a machine however busy
MEMORY = 8 << 30  # bytes of address space; torch alone reserves some
LONGEST_MESSAGE = 2_000


def sources() -> list[str]:
    """The text of every shipped study."""
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "studies").glob("**/*.yaml"))]


def tried(data: bytes, folder: Path) -> str:
    """`planned` or `refused`, or what went wrong, in a line."""
    path = folder / "mutant.yaml"
    path.write_bytes(data)
    try:
        plan = make_plan(load_study(path), folder / "results")
    except HarnessError as error:
        return _fault_of(error) or "refused"
    except Exception as error:  # noqa: BLE001  # what is looked for
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
        return f"traceback: {type(error).__name__} at {place}: {str(error)[:200]!r}"
    bad = [trial.id for trial in plan.trials if {*"/\n\0<\\"} & {*trial.id} or len(trial.id) > 220]
    return f"unsafe id: {bad[0]!r}" if bad else "planned"


def _fault_of(error: HarnessError) -> str:
    texts = [str(problem) for problem in error.problems]
    if not texts or not all(texts):
        return "empty message"
    longest = max(texts, key=len)
    if len(longest) > LONGEST_MESSAGE:
        return f"long message: {len(longest)} characters: {longest[:200]!r}"
    odd = next((text for text in texts if any(not c.isprintable() and c != "\n" for c in text)), None)
    return f"unprintable message: {odd[:300]!r}" if odd else ""


def _worker(seed: int, first: int, last: int, folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    texts = sources()
    for number in range(first, last):
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        started = time.process_time()
        outcome = tried(mutant(seed, number, texts), folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        took_s = round(time.process_time() - started, 3)
        print(json.dumps({"number": number, "outcome": outcome, "took_s": took_s, "peak_bytes": peak}), flush=True)


def _outcomes(seed: int, files: int, folder: Path) -> Iterator[dict[str, Any]]:
    """What became of each file, in order; a worker that hangs or dies is replaced by another one."""
    first = 0
    while first < files:
        words = [sys.executable, "-m", "benchmarks.abuse", "--worker", str(seed), str(first), str(files), str(folder)]
        with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as worker:
            for line in _lines(worker):
                first += 1
                yield line
            worker.kill()
        if first < files:
            is_hang = -worker.wait() in (signal.SIGKILL, signal.SIGPROF)
            how = "hang" if is_hang else f"worker ended with {worker.returncode}"
            yield {"number": first, "outcome": how, "took_s": LIMIT_S, "peak_bytes": 0}
            first += 1


def _lines(worker: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """Lines of a worker until its end, or until it is silent for too long."""
    if worker.stdout is None:
        return
    held = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(worker.stdout, selectors.EVENT_READ)
        while waiting.select(SILENT_S):
            data = os.read(worker.stdout.fileno(), 1 << 16)
            if not data:
                return
            *whole, held = (held + data).split(b"\n")
            yield from (json.loads(line) for line in whole)


def main() -> int:
    """Tries every file and counts what became of them."""
    if sys.argv[1:2] == ["--worker"]:
        seed, first, last = map(int, sys.argv[2:5])
        _worker(seed, first, last, Path(sys.argv[5]))
        return 0
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--files", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=0)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = list(_outcomes(asked.seed, asked.files, Path(place)))
    faults = [one for one in found if one["outcome"] not in ("planned", "refused")]
    answer = {
        "seed": asked.seed,
        "outcomes": Counter(one["outcome"].partition(":")[0] for one in found),
        "faults": faults[:50],
        "slowest": sorted(found, key=lambda one: -one["took_s"])[:5],
        "peak_mb": max(one["peak_bytes"] for one in found) >> 20,
    }
    print(json.dumps(answer, indent=1))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
