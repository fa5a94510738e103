"""A training in several processes of this machine, for tests of what they must agree about."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

PRELOAD = ["timm", "accelerate", "trainings", "harness.training.loop"]


def together(size: int, folder: Path, options: Any, halt_at: int | None = None, **how: Any) -> dict[str, Tensor]:
    """The leader's weights after a training of so many processes; {} where it was halted, by the last of them.

    Raises AssertionError with what a process said where one failed, or where they do not end with the same weights.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    with socket.socket() as found:
        found.bind(("", 0))
        port = found.getsockname()[1]
    lines, started = [], []
    for rank in range(size):
        mine, theirs = context.Pipe(duplex=False)
        ends = halt_at if rank == size - 1 else None
        about = (folder, options, ends, how)
        started.append(context.Process(target=_one, args=(theirs, rank, size, port, about)))
        started[-1].start()
        theirs.close()
        lines.append(mine)
    ends_of_all = [_said(line) for line in lines]
    for process in started:
        process.join()
    assert set(ends_of_all) <= {"done", "halted"}, ends_of_all
    if "halted" in ends_of_all:
        assert set(ends_of_all) == {"halted"}
        return {}
    found_weights = [load_file(folder / f"rank-{rank}.safetensors") for rank in range(size)]
    assert all((w[name] == found_weights[0][name]).all() for w in found_weights for name in w)
    return found_weights[0]


def _said(line: Connection) -> str:
    try:
        return str(line.recv()) if line.poll(120) else "nothing"
    except EOFError:
        return "gone"


def _one(line: Connection, rank: int, size: int, port: int, about: tuple[Path, Any, int | None, Any]) -> None:
    from trainings import trained

    from harness.training.circle import Circle, joined
    from harness.training.halting import Halted
    from harness.training.loop import Course

    def meet() -> Circle:
        return joined(rank, size, rank, ("127.0.0.1", port), "cpu")

    def before_step(_: int, step: int) -> None:
        if step == halt_at:
            os.kill(os.getpid(), signal.SIGTERM)

    folder, options, halt_at, how = about
    try:
        course = Course(outputs=10, checkpoints=folder / "kept", meet=meet, before_step=before_step)
        save_file(trained(options, course=course, **how), folder / f"rank-{rank}.safetensors")
        line.send("done")
    except Halted:
        line.send("halted")
    except Exception as error:  # noqa: BLE001  # told to the test
        line.send(f"{type(error).__name__}: {error}")
