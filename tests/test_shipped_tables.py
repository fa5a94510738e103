"""The tables of all subsets that are committed: what they hold agrees with the records beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.snapshots import restore
from harness.store import Store
from harness.tabular import Table

REFERENCE = Path(__file__).parent.parent / "results" / "snapshots" / "reference"
TABLES = sorted(REFERENCE.glob("*/tables/*.npz"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_shipped_table_holds_every_set(path: Path) -> None:
    table = Table.load(path)
    assert len(table.masks) == 2 ** len(table.units)
    assert table.header["target"] == "attention"


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_shipped_table_has_the_accuracy_that_the_records_have(path: Path, tmp_path: Path) -> None:
    store, table = Store(tmp_path), Table.load(path)
    study = restore(path.parent.parent, store)
    own = [record for record in store.records(study) if record.trial.model_seed == table.header["model_seed"]]
    measured = [(record, one) for record in own for one in record.measurements if one.metric == "top1"]
    assert measured
    for record, one in measured:
        assert one.value == pytest.approx(table.accuracy(record.removed, one.split or ""), abs=1e-12)
