"""The trials table as Parquet, with the unit and the meaning of each column in its schema; needs pyarrow."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.errors import MissingExtraError
from harness.tables.columns import Column

FILE = "trials.parquet"
REMEDY = "pip install 'ablation-harness[parquet]'"


def is_available() -> bool:
    """Whether Parquet can be written here."""
    return importlib.util.find_spec("pyarrow") is not None


def parquet_of(table: pd.DataFrame, columns: Sequence[Column]) -> bytes:
    """The bytes of the file; each field has `unit` and `meaning` as metadata. Raises MissingExtraError."""
    if not is_available():
        raise MissingExtraError(f"{FILE} needs pyarrow: {REMEDY}; every other file can be written without")
    import pyarrow as pa
    from pyarrow import parquet

    made = pa.Table.from_pandas(table, preserve_index=False)
    told = {column.name: {"unit": column.unit, "meaning": column.meaning} for column in columns}
    fields = [field.with_metadata(told.get(field.name)) for field in made.schema]
    out = io.BytesIO()
    parquet.write_table(made.cast(pa.schema(fields, metadata=made.schema.metadata)), out)
    return out.getvalue()


def write_parquet(table: pd.DataFrame, columns: Sequence[Column], folder: Path) -> Path | None:
    """Puts the table into `trials.parquet`; None where pyarrow is absent, and then an older one goes."""
    path = folder / FILE
    if not is_available():
        path.unlink(missing_ok=True)
        return None
    path.write_bytes(parquet_of(table, columns))
    return path
