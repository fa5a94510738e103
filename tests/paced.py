"""A fine-tune that takes its time and notes every step, for tests that disturb it in the middle."""

from __future__ import annotations

import time
from pathlib import Path

HELD = 10  # the step at which a fine-tune waits to be warned, where a file `hold` lies beside it
PACED = '''"""Fine-tuning with a pause before every step, which is noted beside this file."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from harness.recipes import RecoveryOptions
from harness.recoveries.base import Recovery, recoveries
from harness.recoveries.tuning import course_of, recovered

HERE = Path(__file__).parent


@recoveries.register("paced")
class Paced(Recovery, RecoveryOptions):
    """Fine-tunes slowly."""

    pause_s: float = 0.05

    def recover(self, recovering):
        return recovered(self, recovering, _paced)


def _paced(options, recovering, keeps_end):
    import torch

    from harness.training.loop import train

    def before_step(_, step):
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        with (HERE / f"steps-{rank}").open("a") as notes:
            notes.write(f"{step} {os.environ.get('SLURMD_NODENAME', '')}\\\\n")
        deadly = HERE / "deadly"
        if rank == 1 and step == 3 and deadly.exists():
            deadly.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        hold = HERE / "hold"
        if rank == 0 and step == HELD and hold.exists():
            hold.unlink()
            halt = signal.getsignal(signal.SIGTERM).__self__
            while not halt.is_asked:
                time.sleep(0.05)
        time.sleep(options.pause_s)

    def train_paced():
        course = replace(course_of(recovering, keeps_end), before_step=before_step)
        part, seed, tell = recovering.data.parts["train"], recovering.seed, recovering.progress
        return train(recovering.net, recovering.task, part, options, recovering.device, seed, tell, course)

    return train_paced()
'''.replace("\\\\n", "\\n").replace("HELD", str(HELD))


def steps(folder: Path, rank: int = 0) -> list[int]:
    """The steps that a process has begun, in the order in which it did."""
    notes = folder / f"steps-{rank}"
    return [int(line.split()[0]) for line in notes.read_text().splitlines() if line] if notes.exists() else []


def wait_for_steps(folder: Path, more_than: int, limit_s: float = 600.0) -> list[int]:
    """Returns once so many steps were begun."""
    deadline = time.monotonic() + limit_s
    while len(found := steps(folder)) <= more_than:
        assert time.monotonic() < deadline, "no step came"
        time.sleep(0.02)
    return found
