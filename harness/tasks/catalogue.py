"""Tasks by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UnknownNameError, unknown
from harness.tasks.base import Task
from harness.tasks.classification import Classification
from harness.tasks.language_modelling import LanguageModelling

if TYPE_CHECKING:
    from torch import nn

_TASKS: dict[str, type[Task]] = {task.name: task for task in (Classification, LanguageModelling)}


def task_of(net: nn.Module) -> Task:
    """The task of somebody's own network: one of transformers with a head that tells tokens models language."""
    return LanguageModelling() if callable(getattr(net, "get_output_embeddings", None)) else Classification()


def task_called(name: str) -> Task:
    """The task that a data set names in its description."""
    if name not in _TASKS:
        raise UnknownNameError(unknown("task", name, _TASKS))
    return _TASKS[name]()
