"""Records kept as one file, and the reference that is shipped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.record_lines import FILE
from harness.report.pages import markdown_page
from harness.report.reproducing import resolved_study
from harness.report.view import view
from harness.report.write import content_of
from harness.snapshots import read, restore, save
from harness.store import Store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
REFERENCES = sorted(path.parent for path in (ROOT / "results" / "snapshots" / "reference").glob(f"*/{FILE}"))


@dataclass(frozen=True)
class Restored:
    """A reference in a results folder of its own."""

    name: str
    store: Store
    study: str


@pytest.fixture(scope="module", params=REFERENCES, ids=lambda folder: folder.name)
def restored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Restored:
    store = Store(tmp_path_factory.mktemp("reference") / "results")
    return Restored(request.param.name, store, restore(request.param, store))


def test_the_reference_report_is_what_the_reference_records_give(restored: Restored) -> None:
    shipped = ROOT / "reports" / "reference" / restored.name / "report.md"
    content = content_of(view(restored.store, restored.study), resolved_study(restored.store, restored.study))
    assert markdown_page(content) == shipped.read_text()


def test_a_snapshot_of_what_was_restored_holds_the_same(restored: Restored, tmp_path: Path) -> None:
    store, study = restored.store, restored.study
    again = save(store, study, tmp_path / "again")
    found = read(again.parent)
    assert found.index == store.read_index(study)
    assert found.records == store.records(study)
    assert save(store, study, tmp_path / "once more").read_bytes() == again.read_bytes()


def test_a_damaged_snapshot_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no snapshot")
    with pytest.raises(StoreError, match="not a readable snapshot"):
        restore(tmp_path, Store(tmp_path / "results"))
