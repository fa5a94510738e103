"""How large a network may be asked for: options and modules are bounded, so that no study file hangs its reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.errors import Problem, SpecError
from harness.schema import Json, Options

LARGEST_OPTION = 1 << 20
MOST_MODULES = 10_000  # the largest published networks have a fifth of them
MOST_TOLD = 3


def too_large(options: Options) -> list[Problem]:
    """Options of an architecture that hold a number beyond any network's, the first few."""
    found = [
        Problem(f"options.{key}", f"{number} is larger than any network needs; at most {LARGEST_OPTION}")
        for key, value in options.items()
        for number in _numbers(value)
        if abs(number) > LARGEST_OPTION
    ]
    return found[:MOST_TOLD]


def _numbers(value: Json) -> Iterator[float]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)
    elif isinstance(value, int | float):
        yield value


@contextmanager
def bounded(architecture: str) -> Iterator[None]:
    """Within it, a network that grows without end (a million blocks) raises SpecError while it is built."""
    from torch.nn.modules.module import register_module_module_registration_hook

    made = 0

    def count(*_: Any) -> None:
        nonlocal made
        made += 1
        if made > MOST_MODULES:
            raise SpecError(Problem("options", f"{architecture} would have more than {MOST_MODULES} modules"))

    hook = register_module_module_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
