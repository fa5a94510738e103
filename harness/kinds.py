"""What kind of machine and of software numbers come from: digests of what decides them, from the facts of a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.schema import Json, digest

OF_CPUS = ("system", "architecture", "cpu", "cores_physical", "cores_logical", "memory_gib")
OF_GPUS = ("gpus", "gpu_capabilities", "gpu_memory_gib", "driver")
OF_SOFTWARE = ("torch", "timm", "numpy", "cuda")
OF_LANGUAGE_MODELS = ("transformers",)  # counted beside it where the network is built by it
DIGITS = 10


def class_of_machine(facts: Mapping[str, Json], device: str) -> str:
    """Ten hex digits over the facts that count for a device; the class that `hardware.machine_class` tells of here.

    GPUs that hold a network together, `cuda:0+1`, are a machine of another kind than one of them.
    """
    is_cpu = device == "cpu"
    counted = {name: facts.get(name) for name in (OF_CPUS if is_cpu else OF_CPUS + OF_GPUS)}
    together = f"gpu x {device.count('+') + 1}" if "+" in device else "gpu"
    return digest({**counted, "device": "cpu" if is_cpu else together}, DIGITS)


def class_of_software(versions: Mapping[str, str], libraries: Sequence[str] = ()) -> str:
    """Ten hex digits over what decides numbers and speed: Python's minor version, torch, timm, numpy, CUDA.

    `libraries` are counted beside them: OF_LANGUAGE_MODELS for networks of transformers.
    """
    python = ".".join(versions.get("python", "").split(".")[:2])
    return digest([python, *(versions.get(name) for name in (*OF_SOFTWARE, *libraries))], DIGITS)
