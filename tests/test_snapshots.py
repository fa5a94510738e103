"""Records kept as one file, and the reference that is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.report import write_report
from harness.snapshots import FILE, restore, save
from harness.store import Store

ROOT = Path(__file__).parent.parent
REFERENCES = sorted(path.parent for path in (ROOT / "results" / "snapshots" / "reference").glob(f"*/{FILE}"))


@pytest.mark.parametrize("folder", REFERENCES, ids=lambda folder: folder.name)
def test_the_reference_report_is_what_the_reference_records_give(folder: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    page = write_report(store, restore(folder, store), tmp_path / "reports")
    shipped = ROOT / "reports" / "reference" / folder.name / "report.md"
    assert page.with_name("report.md").read_text() == shipped.read_text()


@pytest.mark.parametrize("folder", REFERENCES, ids=lambda folder: folder.name)
def test_a_snapshot_of_what_was_restored_is_the_same_file(folder: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    study = restore(folder, store)
    assert save(store, study, tmp_path / "again").read_bytes() == (folder / FILE).read_bytes()


def test_a_damaged_snapshot_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no snapshot")
    with pytest.raises(StoreError, match="not a readable snapshot"):
        restore(tmp_path, Store(tmp_path / "results"))
