"""A table as one file of arrays: what comes back is what was written, and nothing else is believed."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from harness.ledger.columns import DamagedError, joined, read, written
from harness.schema import Json
from harness.tables.frame import typed

ROWS: list[dict[str, Json]] = [
    {"id": "a", "count": 1, "limited": False, "top1": 0.5, "reason": None, "budget": None, "mixed": 1},
    {"id": "b", "count": None, "limited": True, "top1": None, "reason": "why, “so”\n", "budget": None, "mixed": "x"},
    {"id": "ä", "count": 3, "limited": False, "top1": 0.1 + 0.2, "reason": "why, “so”\n", "budget": None},
]


def test_every_kind_of_column_comes_back() -> None:
    table, header = read(written(typed(ROWS), {"plan": {"x": [1, None]}}))
    pd.testing.assert_frame_equal(table, typed(ROWS))
    assert header == {"plan": {"x": [1, None]}}


def test_a_table_without_rows_comes_back() -> None:
    pd.testing.assert_frame_equal(read(written(typed([]), {}))[0], typed([]), check_dtype=False)


@pytest.mark.parametrize("cut", [1, 2])
def test_tables_one_below_the_other_are_as_if_made_at_once(cut: int) -> None:
    pd.testing.assert_frame_equal(joined([typed(ROWS[:cut]), typed(ROWS[cut:])]), typed(ROWS))


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04 cut", written(typed(ROWS), {})[:-40]])
def test_what_is_no_such_file_is_told(raw: bytes) -> None:
    with pytest.raises(DamagedError):
        read(raw)


def test_objects_that_could_run_are_refused() -> None:
    stream = io.BytesIO()
    np.savez(stream, header=np.array([{"columns": []}], dtype=object))
    with pytest.raises(DamagedError):
        read(stream.getvalue())
