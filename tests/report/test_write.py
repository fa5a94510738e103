"""The pages: self-contained, escaped, the same bytes from the same records, and never a crash on partial ones."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from assured import assured
from builders import Plan, elsewhere, failed, records_of, stored
from golden_files import assert_golden
from timed_records import changed

from harness.errors import StoreError
from harness.records import Record
from harness.report import write_report
from harness.store import Store

PLAN = Plan(seeds=(0, 1), draws=2, counts=(2, 4))
TINY = Plan(seeds=(0,), criteria=("entropy",), contrast=None, counts=(2,), question=None)
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Collects tags with attributes, ids and unbalanced ends of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def report(plan: Plan, tmp_path: Path, records: tuple[Record, ...] | None = None) -> Path:
    store = stored(plan, Store(tmp_path / "results"), records)
    return write_report(store, plan.study, tmp_path / "reports")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(PLAN, tmp_path_factory.mktemp("report"))


def test_everything_is_written(index: Path) -> None:
    slug = "vit-digits-attention"
    names = ("comparisons", "prices", *(f"{kind}-{slug}" for kind in ("accuracy", "agreement", "costs")))
    tables = [f"{name}.{end}" for name in names for end in ("csv", "md", "tex")]
    kinds = ("accuracy_cost", "accuracy_count", "accuracy_machine", "agreement", "depth", "realised", "scores")
    assert sorted(p.name for p in index.parent.iterdir()) == [
        "figures",
        "index.html",
        "report.md",
        "tables",
        "trials.csv",
        "trials.parquet",
    ]
    assert sorted(p.name for p in (index.parent / "tables").iterdir()) == sorted(tables)
    figures = sorted(f"{kind}-{slug}.{end}" for kind in kinds for end in ("csv", "pdf", "png", "svg"))
    assert sorted(p.name for p in (index.parent / "figures").iterdir()) == figures


def test_nulls_timings_and_tests_of_checkpoints_have_a_place_of_their_own(tmp_path: Path) -> None:
    records = tuple(changed(r, "peak_bytes", value=None, reason="oom_gpu: too large") for r in assured(PLAN))
    index = report(PLAN, tmp_path, records)
    for text, mark in ((index.read_text(), "<h2>{}</h2>"), ((index.parent / "report.md").read_text(), "## {}")):
        headings = ("What could not be measured", "Data", "Latency by percentile", "Trials")
        places = [text.index(mark.format(heading)) for heading in headings]
        assert places == sorted(places)
        assert "out of memory: too large" in text
    lines = (index.parent / "checkpoint_tests.csv").read_text().splitlines()
    candidates = sum(record.trial.criterion is not None for record in records)
    assert len(lines) - 1 == candidates + len(PLAN.seeds) * len(PLAN.counts)


def test_the_page_asks_for_nothing_from_outside(index: Path) -> None:
    text = index.read_text()
    page = Page(text)
    assert "http:" not in text
    assert "https:" not in text
    assert "//" not in text.replace("</", "")
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "base", "form"}
    references = [
        value for _, attrs in page.tags for key, value in attrs.items() if key in ("href", "src", "xlink:href")
    ]
    assert all(value and value.startswith("#") for value in references)
    assert "@import" not in text


def test_the_page_is_well_formed_and_its_ids_are_unique(index: Path) -> None:
    page = Page(index.read_text())
    assert (page.wrong, page.open) == ([], [])
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    known = {f"#{i}" for i in ids}
    assert {attrs["href"] for _, attrs in page.tags if "href" in attrs} <= known


def test_every_figure_has_a_text_for_those_who_cannot_see_it(index: Path) -> None:
    labels = [attrs.get("aria-label") for tag, attrs in Page(index.read_text()).tags if tag == "svg"]
    assert len(labels) == 7
    assert len(set(labels)) == 7
    assert all(label and label.endswith(": vit_digits, attention") for label in labels)


def test_the_page_reads_from_question_to_trials(index: Path) -> None:
    text = index.read_text()
    headings = ["Answer", "Caveats", "Figures", "Tables", "Data", "Environment", "How to reproduce", "Trials"]
    places = [text.index(f"<h2>{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    assert text.index("Which criterion finds") < places[0]


def test_the_same_records_give_the_same_bytes(index: Path, tmp_path: Path) -> None:
    again = report(PLAN, tmp_path).parent
    for path in index.parent.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(index.parent)).read_bytes(), path.name


HOSTILE = "<script>alert(1)</script> & \"quoted\" 'and' | `code` {{ 7 * 7 }}"


def test_no_word_of_a_study_is_markup(tmp_path: Path) -> None:
    bad = failed(records_of(PLAN)[-1], message=HOSTILE)
    index = report(elsewhere(PLAN, question=HOSTILE), tmp_path, (*records_of(PLAN)[:-1], bad))
    for text in (index.read_text(), (index.parent / "report.md").read_text()):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "{{ 7" in text
    assert Page(index.read_text()).wrong == []


def test_failed_trials_tell_why_and_how_to_retry(tmp_path: Path) -> None:
    records = records_of(PLAN)
    text = report(PLAN, tmp_path, (*records[:-2], failed(records[-2]))).read_text()
    assert f"<td>{records[-2].trial.id}</td><td>oom_host</td><td>cost</td><td>the host ran out of memory</td>" in text
    assert f"<td>{records[-1].trial.id}</td><td>missing</td>" in text
    assert "python -m harness run studies/entropy_vs_similarity.yaml --retry-failed" in text


def test_a_whole_report_is_golden(tmp_path: Path) -> None:
    assert_golden("report.md", (report(TINY, tmp_path).parent / "report.md").read_text())


@pytest.mark.parametrize(
    "changes",
    [
        {"criteria": ("entropy", "similarity")},
        {"has_costs": False},
        {"counts": (2,)},
        {"seeds": (0,)},
        {"criteria": ("random",), "contrast": None, "draws": 1, "seeds": (0,)},
        {"models": ("a", "b"), "seeds": (0,), "counts": (2,)},
    ],
)
def test_partial_studies_make_a_page(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert "<h2>Answer</h2>" in report(elsewhere(PLAN, **changes), tmp_path).read_text()


@pytest.mark.parametrize("kept", ["none", "failed", "baselines", "candidates", "one"])
def test_partial_records_make_a_page(tmp_path: Path, kept: str) -> None:
    records = records_of(PLAN)
    chosen = {
        "none": (),
        "failed": tuple(failed(r) for r in records),
        "baselines": tuple(r for r in records if r.trial.criterion is None),
        "candidates": tuple(r for r in records if r.trial.criterion is not None),
        "one": records[-1:],
    }[kept]
    text = report(PLAN, tmp_path, chosen).read_text()
    assert "<h2>Answer</h2>" in text
    assert ("There is no answer" in text) == (kept in ("none", "failed", "baselines"))


def test_a_study_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no plan of a study 'absent'"):
        write_report(Store(tmp_path / "results"), "absent", tmp_path / "reports")


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("")
    with pytest.raises(StoreError, match="the report cannot be written"):
        report(TINY, tmp_path)


def test_the_read_half_loads_no_torch() -> None:
    code = "import sys, harness.report; print([m for m in ('torch', 'timm', 'fvcore', 'submitit') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
