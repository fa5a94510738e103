"""A small real Slurm cluster of three nodes: how it starts and stops, and how a study keeps to some of its nodes."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.records import Record

HERE = Path(__file__).parent
NAMES = ("node1", "node2", "node3")


def run(*words: str | Path, limit_s: float = 240.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=limit_s, check=False)


def is_up() -> bool:
    return shutil.which("squeue") is not None and not run("squeue").returncode


def start() -> None:
    """Installs Slurm where it is absent, and starts what does not run."""
    up = run(HERE / "slurm-up", "TIMEOUT=6")
    assert up.returncode == 0, up.stderr


def stop() -> None:
    run(HERE / "slurm-down", "--purge")


def on_slurm(*nodes: str, **options: Any) -> dict[str, Any]:
    """An executor that keeps to these nodes."""
    others = ",".join(name for name in NAMES if name not in nodes)
    return {"name": "slurm", "slurm_exclude": others, "slurm_signal_delay_s": 10, "timeout_min": 30, **options}


def exact(found: dict[str, list[Record]]) -> dict[str, list[tuple[object, ...]]]:
    """The exact values of each trial's newest record."""
    return {
        trial: [(m.metric, m.split, str(m.at), m.value) for m in runs[-1].measurements if m.kind == "exact"]
        for trial, runs in found.items()
    }


def beside(act: Callable[..., object], *about: Any) -> threading.Thread:
    thread = threading.Thread(target=act, args=about, daemon=True)
    thread.start()
    return thread
