"""Many objects made at once: the search for garbage among them waits until they are all there."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def in_bulk() -> Iterator[None]:
    """Keeps Python from looking for cycles meanwhile.

    While a heap grows by things that stay, it would be searched over and over, for a third to a half of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
