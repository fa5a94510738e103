"""What torch.compile has to leave alone: functions that look at values end a graph, and do so in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])


def uncompiled(function: F) -> F:
    """A decorator: the function runs as it is written, with all that it calls."""
    found: F = torch.compiler.disable(function)  # type: ignore[no-untyped-call]  # so in torch
    return found


def ends_graph(function: F) -> F:
    """A decorator: the function runs as it is written, and modules that it calls are graphs of their own."""
    found: F = torch.compiler.disable(function, recursive=False)  # type: ignore[no-untyped-call]  # so in torch
    return found
