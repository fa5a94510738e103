"""Machine classes in words that a reader knows: the GPU or the processor that measured, and its class where needed."""

from __future__ import annotations

from collections.abc import Iterable

from harness.records import Environment


def machine_words(known: Iterable[tuple[str, Environment]]) -> dict[str, str]:
    """A name for every machine class by its first environment; two classes of one kind of hardware tell their class."""
    seen: dict[str, str] = {}
    for name, environment in known:
        seen.setdefault(name, hardware(environment))
    names = list(seen.values())
    return {name: word if names.count(word) == 1 else f"{word} [{name}]" for name, word in seen.items()}


def hardware(environment: Environment) -> str:
    """`NVIDIA H200`, or `Intel Xeon (2 cores)`: what the measured device is."""
    machine = environment.machine
    gpu = machine.get("gpu")
    if environment.device.startswith("cuda"):
        return str(gpu["name"]) if isinstance(gpu, dict) and "name" in gpu else "GPU"
    cores = machine.get("cores_physical")
    name = str(machine.get("cpu") or "CPU").replace("(R)", "").replace("(TM)", "")
    return f"{name} ({cores} cores)" if isinstance(cores, int) else name
