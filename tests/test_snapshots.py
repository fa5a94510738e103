"""Records kept as one file, and the reference that is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.record_lines import FILE
from harness.report.pages import markdown_page
from harness.report.reproducing import resolved_study
from harness.report.view import view
from harness.report.write import content_of
from harness.snapshots import restore, save
from harness.store import Store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
REFERENCES = sorted(path.parent for path in (ROOT / "results" / "snapshots" / "reference").glob(f"*/{FILE}"))


@pytest.mark.parametrize("folder", REFERENCES, ids=lambda folder: folder.name)
def test_the_reference_report_is_what_the_reference_records_give(folder: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    study = restore(folder, store)
    shipped = ROOT / "reports" / "reference" / folder.name / "report.md"
    assert markdown_page(content_of(view(store, study), resolved_study(store, study))) == shipped.read_text()


@pytest.mark.parametrize("folder", REFERENCES, ids=lambda folder: folder.name)
def test_a_snapshot_of_what_was_restored_holds_the_same(folder: Path, tmp_path: Path) -> None:
    # Fields that came since it was saved are written out with their defaults, so only from then on are bytes the same.
    first, second = Store(tmp_path / "first"), Store(tmp_path / "second")
    study = restore(folder, first)
    again = save(first, study, tmp_path / "again")
    assert restore(again.parent, second) == study
    assert second.read_index(study) == first.read_index(study)
    assert second.records(study) == first.records(study)
    assert save(second, study, tmp_path / "once more").read_bytes() == again.read_bytes()


def test_a_damaged_snapshot_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no snapshot")
    with pytest.raises(StoreError, match="not a readable snapshot"):
        restore(tmp_path, Store(tmp_path / "results"))
