"""Work on many parts comes back in their order, whoever does it, and so does what it raises."""

from __future__ import annotations

import pytest

from harness.ledger.spread import FEWEST, spread


@pytest.mark.parametrize("parts", [FEWEST - 1, 3 * FEWEST])
def test_the_order_is_that_of_the_parts(parts: int) -> None:
    factor = 3  # known without being sent

    def work(part: int) -> bytes:
        return str(factor * part).encode()

    assert [*spread(work, range(parts))] == [str(factor * part).encode() for part in range(parts)]


def test_what_is_raised_there_is_raised_here() -> None:
    def work(part: int) -> bytes:
        raise LookupError(str(part))

    with pytest.raises(LookupError, match=r"^0$"):
        [*spread(work, range(2 * FEWEST))]
