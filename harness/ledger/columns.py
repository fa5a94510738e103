"""A table of numbers and words as one file of arrays: read in a moment, and nothing in it can run."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import union_categoricals

from harness.tables.facts import MARK
from harness.tables.frame import column_of

HEADER = "header"
Arrays = dict[str, npt.NDArray[Any]]


class DamagedError(Exception):
    """Bytes that are no table of this kind."""


def written(table: pd.DataFrame, header: Mapping[str, Any]) -> bytes:
    """The table, and a JSON object that goes with it. Texts that repeat are kept once."""
    arrays: Arrays = {}
    kinds: list[list[str]] = []
    for place, name in enumerate(map(str, table.columns)):
        kind, found = _packed(table[name])
        kinds.append([name, kind])
        arrays |= {f"{place}{part}": array for part, array in found.items()}
    arrays[HEADER] = _text({"columns": kinds, "rows": len(table), "header": header})
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def read(raw: bytes) -> tuple[pd.DataFrame, dict[str, Any]]:
    """What was written; raises DamagedError for anything else."""
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            told = json.loads(arrays[HEADER].tobytes())
            columns = {
                name: _unpacked(kind, arrays, place, name.startswith(MARK))
                for place, (name, kind) in enumerate(told["columns"])
            }
            table = pd.DataFrame(columns, index=pd.RangeIndex(told["rows"]))
            return table, dict(told["header"])
    except (ValueError, KeyError, TypeError, IndexError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedError(str(error)) from None


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One below the other, as if all rows had been made at once; rows without a column have nothing in it."""
    names = list(dict.fromkeys(str(name) for table in tables for name in table.columns))
    return pd.DataFrame({name: _joined(name, tables) for name in names})


def _joined(name: str, tables: Sequence[pd.DataFrame]) -> pd.Series:
    parts = [table[name] if name in table else pd.Series([None] * len(table), dtype=object) for table in tables]
    held = [part for part in parts if part.notna().any()]
    if any(isinstance(part.dtype, pd.CategoricalDtype) for part in held):
        shared = [part.astype("category").array for part in parts]
        return pd.Series(union_categoricals([s if len(s.categories) else _nothing(len(s), held) for s in shared]))
    kinds = {part.dtype for part in held}
    if len(kinds) > 1 or any(_has_no_nothing(kind, parts) for kind in kinds):
        return column_of(name, [value for part in parts for value in part.astype(object).where(part.notna(), None)])
    if not held:
        return column_of(name, [None] * sum(map(len, parts)))
    kind = held[0].dtype
    same = [part if part.dtype == kind else pd.Series([None] * len(part), dtype=kind) for part in parts]
    return pd.concat(same, ignore_index=True)


def _has_no_nothing(kind: Any, parts: Sequence[pd.Series]) -> bool:
    """Whether parts without a value cannot be turned into this kind: objects, and truths beside such parts."""
    if not isinstance(kind, np.dtype):
        return False
    return kind.kind == "O" or (kind.kind == "b" and any(part.dtype != kind for part in parts))


def _nothing(rows: int, held: Sequence[pd.Series]) -> pd.Categorical:
    """So many rows without a value, of the texts that others have."""
    kind = next(part.dtype for part in held if isinstance(part.dtype, pd.CategoricalDtype))
    return pd.Categorical.from_codes(np.full(rows, -1), kind.categories[:0])


def _packed(column: pd.Series) -> tuple[str, Arrays]:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "bif":
        return "plain", {"": column.to_numpy()}
    if str(column.dtype) == "Int64":
        return "whole", {"": column.to_numpy(dtype=float, na_value=np.nan)}
    codes, values = pd.factorize(column)
    kind = "any" if column.dtype == object else "text"
    return kind, {"": codes.astype(np.int32), "v": _text([_plain(value) for value in values])}


def _unpacked(kind: str, arrays: Mapping[str, npt.NDArray[Any]], place: int, is_fact: bool) -> pd.Series:
    """A column; long texts that many rows share, as facts are, stay codes of what they say."""
    array = arrays[str(place)]
    if kind == "plain":
        return pd.Series(array)
    if kind == "whole":
        return pd.Series(pd.array(np.where(np.isnan(array), 0, array).astype(np.int64), dtype="Int64")).mask(
            np.isnan(array)
        )
    values = json.loads(arrays[f"{place}v"].tobytes())
    if kind == "text" and is_fact and len(values) < len(array) / 2:
        return pd.Series(pd.Categorical.from_codes(array, pd.Index(values, dtype="str")))
    if kind == "text":
        return pd.Series(pd.Series(values, dtype="str").array.take(array, allow_fill=True))
    held = np.empty(len(values) + 1, dtype=object)
    held[:-1], held[-1] = values, None  # code -1 is the last one
    return pd.Series(held[array], dtype=object)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _text(value: object) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value, ensure_ascii=False).encode(), dtype=np.uint8)
