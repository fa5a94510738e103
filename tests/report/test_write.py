"""The pages: self-contained, escaped, the same bytes from the same records, and never a crash on partial ones."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from assured import assured
from builders import Plan, elsewhere, failed, index_of, records_of, stored
from golden_files import assert_golden
from timed_records import changed

from harness.errors import StoreError
from harness.records import Record
from harness.report import write_report
from harness.report.pages import html_page, markdown_page
from harness.report.reproducing import resolved_study
from harness.report.trials import trials
from harness.report.view import view, view_of
from harness.report.write import content_of
from harness.store import Reading, Store

PLAN = Plan(seeds=(0, 1), draws=2, counts=(2, 4))
TINY = Plan(seeds=(0,), criteria=("entropy",), contrast=None, counts=(2,), question=None)
SCRIPT = re.compile(r"<script[^>]*>.*?</script>", re.DOTALL)
RUNS = re.compile(r"<script>(.*?)</script>", re.DOTALL)  # not those that only hold data
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


def pages(plan: Plan, tmp_path: Path, records: tuple[Record, ...] | None = None) -> tuple[str, str]:
    """Both pages of a report, of which no file is written."""
    store = stored(plan, Store(tmp_path / "results"), records)
    content = content_of(view(store, plan.study), resolved_study(store, plan.study))
    return html_page(content), markdown_page(content)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(PLAN, tmp_path_factory.mktemp("report"))


def test_everything_is_written(index: Path) -> None:
    slug = "vit-digits-attention"
    kinds_of_tables = ("accuracy", "agreement", "costs", "judged")
    whole = ("comparisons", "prices", "recommendations", "recommended-sublayers")
    names = (*whole, *(f"{kind}-{slug}" for kind in kinds_of_tables))
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
    for text, mark in ((index.read_text(), ">{}</h2>"), ((index.parent / "report.md").read_text(), "## {}\n")):
        headings = ("What could not be measured", "Latency by percentile", "Trials")
        assert all(mark.format(heading) in text for heading in headings)
        assert "out of memory: too large" in text
    lines = (index.parent / "checkpoint_tests.csv").read_text().splitlines()
    candidates = sum(record.trial.criterion is not None for record in records)
    assert len(lines) - 1 == candidates + len(PLAN.seeds) * len(PLAN.counts)


def test_the_page_asks_for_nothing_from_outside(index: Path) -> None:
    text = SCRIPT.sub("", index.read_text())
    page = Page(text)
    assert "http:" not in text
    assert "https:" not in text
    assert "//" not in text.replace("</", "")
    assert not {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "base"}
    references = [
        value
        for _, attrs in page.tags
        for key, value in attrs.items()
        if key in ("href", "src", "xlink:href", "action")
    ]
    assert all(value and value.startswith("#") for value in references)
    assert "@import" not in text


def test_only_the_scripts_of_the_page_may_run_and_only_as_they_are(index: Path) -> None:
    text = index.read_text()
    policy = next(a["content"] or "" for _, a in Page(text).tags if a.get("http-equiv") == "Content-Security-Policy")
    held = [base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in RUNS.findall(text)]
    assert len(held) == 3
    assert policy.partition("script-src ")[2] == " ".join(f"'sha256-{digest}'" for digest in held)
    assert "unsafe-eval" not in policy
    assert policy.startswith("default-src 'none'; ")
    assert not [a for _, attrs in Page(text).tags for a in attrs if a.startswith("on")]


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


def test_every_table_has_a_caption_and_heads(index: Path) -> None:
    text = SCRIPT.sub("", index.read_text())
    assert text.count("<table") == text.count("<caption")
    assert not re.findall(r"<tr[^>]*><td", text)


def test_headings_skip_no_level(index: Path) -> None:
    levels = [int(tag[1]) for tag, _ in Page(index.read_text()).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_page_reads_from_question_to_reproduction(index: Path) -> None:
    text = SCRIPT.sub("", index.read_text())
    headings = ["Answer", "Recommendations", "Figures", "Sublayers", "Tables", "Trials", "Caveats", "How to reproduce"]
    places = [text.index(f"<h2>{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    assert text.index("Which criterion finds") < places[0]
    assert places[0] < text.index("What limits it most") < places[1]  # the weightiest caveats stand by the answer


def test_the_contents_lead_to_every_section(index: Path) -> None:
    text = SCRIPT.sub("", index.read_text())
    linked = re.findall(r'<a href="#([a-z]+)">', text.partition("<nav")[2].partition("</nav>")[0])
    assert linked == re.findall(r'<section id="([a-z]+)"', text)


def test_the_same_records_give_the_same_bytes(index: Path, tmp_path: Path) -> None:
    again = report(PLAN, tmp_path).parent
    for path in index.parent.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(index.parent)).read_bytes(), path.name


def test_what_a_test_supports_is_bold_on_both_pages(tmp_path: Path) -> None:
    clear = elsewhere(
        PLAN, seeds=tuple(range(10)), criteria=("entropy", "random"), draws=1, counts=(5,), has_costs=False
    )
    page, text = pages(clear, tmp_path)
    assert len(re.findall(r"<td><b>\d+\.\d", page)) == 1
    assert len(re.findall(r"\| \*\*\d+\.\d", text)) == 1


HOSTILE = "<script>alert(1)</script> & \"quoted\" 'and' | `code` {{ 7 * 7 }}"


def test_no_word_of_a_study_is_markup(tmp_path: Path) -> None:
    bad = failed(records_of(PLAN)[-1], message=HOSTILE)
    page, plain = pages(elsewhere(PLAN, question=HOSTILE), tmp_path, (*records_of(PLAN)[:-1], bad))
    for text in (SCRIPT.sub("", page), plain):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "{{ 7" in text
    assert Page(page).wrong == []


def test_no_word_of_a_study_ends_the_script_that_holds_it(tmp_path: Path) -> None:
    ending = "</script><script>alert(1)</script><!--"
    found = [r.model_copy(update={"removed": (ending, *r.removed[1:])}) if r.removed else r for r in records_of(TINY)]
    text, _ = pages(TINY, tmp_path, tuple(found))
    data = text.partition('id="explorer-data">')[2].partition("</script>")[0]
    assert ending in str(json.loads(data)["doc"])
    assert "alert(1)</script>" not in text


def test_of_too_many_trials_an_even_part_is_shown_and_the_page_says_so() -> None:
    records = records_of(PLAN)
    view = view_of(index_of(PLAN), Reading((*records[:-1], failed(records[-1])), ()))
    found = trials(view, most=10)
    assert found is not None
    assert len(found.table.rows) == 10
    assert "failed" in found.statuses
    assert f"Shown are 10 of {len(records)} trials" in found.table.notes[0]


def test_rows_of_the_page_are_filled_with_trials_that_failed_where_few_went_well() -> None:
    records = records_of(PLAN)
    found = trials(view_of(index_of(PLAN), Reading((records[0], *map(failed, records[1:])), ())), most=10)
    assert found is not None
    assert sorted(found.statuses) == ["failed"] * 9 + ["ok"]
    assert set(found.frame["model_seed"]) == set(PLAN.seeds)


def test_a_very_long_study_file_is_cut_at_the_end_of_a_line_and_says_so(tmp_path: Path) -> None:
    store = stored(TINY, Store(tmp_path / "results"))
    line = "name: żółw\n"
    (store.folder(TINY.study) / "study.resolved.yaml").write_text(line * 20_000, encoding="utf-8")
    text = resolved_study(store, TINY.study)
    assert text is not None
    *lines, last = text.splitlines()
    assert set(lines) == {line.strip()}
    assert last.startswith("# Cut here")


def test_the_study_file_as_resolved_is_shown_without_folders_of_the_machine(tmp_path: Path) -> None:
    store = stored(TINY, Store(tmp_path / "results"))
    text = "study: a\nmodels: [{weights: {file: /srv/secret/w.safetensors}}]\nplugins: [~/mine/p.py, ./own/q.py]\n"
    (store.folder(TINY.study) / "study.resolved.yaml").write_text(text)
    page = write_report(store, TINY.study, tmp_path / "reports").read_text()
    assert "…/w.safetensors" in page
    assert "secret" not in page
    assert "[…/p.py, ./own/q.py]" in page


def test_without_bokeh_the_page_has_its_figures_and_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.report.explorer.find_spec", lambda name: None)
    text, _ = pages(TINY, tmp_path)
    assert "explorer-data" not in text
    assert "Made without interactive figures" in text
    assert len(RUNS.findall(text)) == 1
    assert "<svg" in text


def test_failed_trials_tell_why_and_how_to_retry(tmp_path: Path) -> None:
    records = records_of(PLAN)
    text, _ = pages(PLAN, tmp_path, (*records[:-2], failed(records[-2])))
    assert (
        f'<th scope="row">{records[-2].trial.id}</th><td>oom_host</td><td>cost</td><td>the host ran out of memory</td>'
        in text
    )
    assert f'<th scope="row">{records[-1].trial.id}</th><td>missing</td>' in text
    assert "python -m harness run studies/entropy_vs_similarity.yaml --retry-failed" in text
    for status, reason in (("failed", "the host ran out of memory"), ("missing", "no run of it has a record")):
        assert f'data-status="{status}"' in text
        assert f"<td>{status}</td><td>{reason}</td>" in text  # and so they stand among all trials


def test_a_whole_report_is_golden(tmp_path: Path) -> None:
    assert_golden("report.md", pages(TINY, tmp_path)[1])


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
    assert "<h2>Answer</h2>" in pages(elsewhere(PLAN, **changes), tmp_path)[0]


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
    text, _ = pages(PLAN, tmp_path, chosen)
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
