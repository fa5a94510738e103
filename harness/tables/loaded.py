"""The records of one study taken into a notebook: as they are, merged by trial, or as one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness.errors import StoreError, suggestion
from harness.records import Record
from harness.results import TrialResult, latest
from harness.store import Damaged, Store
from harness.tables.columns import dictionary
from harness.tables.frame import sheet
from harness.tables.long import long_frame


@dataclass(frozen=True)
class StudyRecords:
    """Every record of a study that can be trusted, oldest run first, and the files that cannot."""

    study: str
    records: tuple[Record, ...]
    damaged: tuple[Damaged, ...]

    @property
    def results(self) -> tuple[TrialResult, ...]:
        """One result per trial and machine class: each measurement from its newest run that went well."""
        return latest(self.records)

    def frame(self) -> pd.DataFrame:
        """One row per trial and machine class, one column per axis, metric and derived quantity, in base units.

        `.attrs["units"]` holds the unit of each column that has one.
        """
        found = sheet(self.results)
        table = found.table()
        columns = dictionary([str(name) for name in table.columns], found.units)
        table.attrs["units"] = {column.name: column.unit for column in columns if column.unit}
        return table

    def long(self) -> pd.DataFrame:
        """One row per measured number, with its unit, quality and interval beside it."""
        return long_frame(self.results)

    def __len__(self) -> int:
        return len(self.records)


def load_records(folder: str | Path) -> StudyRecords:
    """The records in `results/<study>`; raises StoreError where there are none."""
    place = Path(folder).resolve()
    store = Store(place.parent)
    reading = store.read(place.name)
    if not reading.records and not reading.damaged:
        raise StoreError(f"{place.name}: no record of a study here; {suggestion(place.name, store.studies())}")
    return StudyRecords(place.name, reading.records, reading.damaged)
