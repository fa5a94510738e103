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


def test_a_shipped_table_has_the_accuracy_that_the_records_have(tmp_path: Path) -> None:
    store = Store(tmp_path)
    study = restore(REFERENCE / "entropy_vs_similarity", store)
    for record in store.records(study):
        table = Table.load(REFERENCE / study / "tables" / f"vit_digits-s{record.trial.model_seed}.npz")
        measured = [m for m in record.measurements if m.metric == "top1"]
        assert measured
        for one in measured:
            assert one.value == pytest.approx(table.accuracy(record.removed, one.split or ""), abs=1e-12)
