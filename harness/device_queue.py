"""One trial at a time on a device of this machine, whichever study, results folder or launcher it belongs to."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harness import nvml
from harness.privacy import is_private
from harness.schema import digest

FOLDER = "HARNESS_DEVICE_LEASES"  # names another folder than the one below the system's temporary folder


def lease_folder(otherwise: Path) -> Path:
    """The user's own folder for the leases of this machine's devices, or `otherwise` where there can be none.

    It must belong to the user and be closed to others: whoever could write there could hold every trial up.
    """
    place = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / f"harness-{os.getuid()}")
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return otherwise
    return place if place.is_dir() and is_private(place) else otherwise


def lease_name(device: str, slot: int) -> str:
    """The lease of a device: of a GPU by its serial number, so that two ways to number GPUs meet in one name.

    Trials of different slots on a CPU run side by side, since somebody asked for that. What Slurm gave to a job it
    gave to no other, and every job calls its own first GPU `cuda:0`.
    """
    allocation = "".join(filter(str.isalnum, os.environ.get("SLURM_JOB_ID", "")))
    whose = f"-slurm_{allocation}" if allocation else ""
    if not device.startswith("cuda"):
        return f"device-{device}-{slot}{whose}.lease"
    return f"device-gpu_{digest(_gpu(int(device.partition(':')[2] or 0)))}{whose}.lease"


def spread(device: str, slot: int) -> str:
    """The device of one of several workers side by side: each next one gets the next GPU, where none is named."""
    gpus = visible_gpus() if device in ("cuda", "auto") else 0
    return f"cuda:{slot % gpus}" if gpus else device


def visible_gpus() -> int:
    """GPUs that this process may use, without loading torch."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = len(nvml.gpus())
    return there if listed is None else min(there, len(_entries(listed)))


def _entries(listed: str) -> list[str]:
    return [entry.strip() for entry in listed.split(",") if entry.strip()]


def _gpu(number: int) -> str:
    """What stands for the GPU that torch calls by this number: its UUID where it can be told."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    entries = None if listed is None else _entries(listed)
    entry = str(number) if entries is None or number >= len(entries) else entries[number]
    if not entry.isdecimal():
        return entry
    return nvml.uuid_at(int(entry)) or entry
