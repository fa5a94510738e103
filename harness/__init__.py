"""A scientific benchmark and ablation harness for removing parts of neural networks.

`score` and `remove` work on one's own network, `load` gives the network of an export and `load_records` the records of
a study. Each imports what it needs when it is called: `import harness` loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import nn

    from harness.criteria.base import Criterion
    from harness.notebook import Batches
    from harness.schema import Json
    from harness.tables.loaded import StudyRecords

__version__ = "0.1.0"
__all__ = ["__version__", "load", "load_records", "remove", "score"]


def score(
    model: nn.Module,
    batches: Batches = (),
    criterion: str | Criterion = "entropy",
    target: str = "attention",
    removal: str = "skip",
    **options: Json,
) -> dict[str, float]:
    """A score for each unit of the target by name, in order of depth; the lowest is the cheapest to lose.

    `batches` are tensors of inputs or (inputs, targets) pairs: a loader, a list, or one of them alone. Further keywords
    are options of the criterion, as in a study, and `seed` for a random one. The model is left as it was.
    """
    from harness.notebook import score as scored

    return scored(model, batches, criterion, target, removal, **options)


def remove(model: nn.Module, names: str | Iterable[str], removal: str = "skip") -> nn.Module:
    """A copy of the model that runs without these sublayers (`blocks.3.attn`) or whole blocks (`blocks.3`)."""
    from harness.notebook import remove as removed

    return removed(model, names, removal)


def load(folder: str | Path, device: str = "cpu") -> nn.Module:
    """The network that `harness export` wrote, in eval mode; `folder` is all it needs."""
    from harness.export import load as loaded

    return loaded(folder, device)


def load_records(folder: str | Path) -> StudyRecords:
    """The records of a study, `results/<study>`; `.frame()` is its table."""
    from harness.tables.loaded import load_records as loaded

    return loaded(folder)
