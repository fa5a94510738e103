"""A random state of one's own for libraries that draw from the global ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from harness.schema import digest


def derived(seed: int, purpose: int | str) -> int:
    """A seed below 2^32 that follows from another and from what it is for."""
    return int(digest([seed, purpose], length=8), 16)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it Python, numpy and torch (on the CPU) draw from `seed`; afterwards they go on as if nothing had been."""
    import torch

    python, numpy, own = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.default_generator.set_state(own)
