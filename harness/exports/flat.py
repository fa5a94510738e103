"""The trials table as it is: CSV, or Parquet with units in its schema."""

from __future__ import annotations

from harness.exports.base import Results
from harness.tables.frame import csv_text
from harness.tables.parquet import parquet_of


def csv(given: Results) -> bytes:
    """One row per trial and machine class, in base units."""
    return csv_text(given.table).encode()


def parquet(given: Results) -> bytes:
    """The same with types, units and meanings. Raises MissingExtraError without pyarrow."""
    return parquet_of(given.table, given.columns)
