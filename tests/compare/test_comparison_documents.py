"""A comparison and a gate as a page, Markdown, JSON and JUnit XML: escaped, whole, and what they say."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from builders import failed, records_of
from golden_files import assert_golden
from sided import PLAN, again, changed, measured, one, sides

from harness.compare.document import of_comparisons, of_gate
from harness.compare.junit import junit
from harness.compare.page import as_markdown, html
from harness.compare.summary import summary
from harness.records import Record, Run
from harness.regressions.comparison import Comparison, compare
from harness.regressions.finding import Limits
from harness.regressions.gate import Gate, gate

NOW = again(records_of(PLAN))
HOSTILE = "<script>alert('x')</script>"


def _worse() -> tuple[Record, ...]:
    slower = again(records_of(PLAN), slower=1.2)
    return changed(slower, one(slower, "similarity", 4), lambda r: failed(r, message=HOSTILE))


@pytest.fixture(scope="module")
def found() -> Comparison:
    """A slow-down, a failure and unknowns."""
    return compare(*sides(_worse()), Limits())


def _gate(records: tuple[Record, ...], *, is_strict: bool = False) -> Gate:
    first, second = sides(records)
    return gate(second, first, Limits(), is_strict=is_strict)


def test_a_page_is_one_file_that_runs_and_asks_for_nothing(found: Comparison) -> None:
    page = html([found], None)
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    tags = _Tags()
    tags.feed(page)
    assert not {"script", "link", "img", "iframe"} & tags.seen
    assert {"table", "details", "h1"} <= tags.seen


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)


def test_the_markdown_of_a_comparison(found: Comparison) -> None:
    assert_golden("comparison.md", as_markdown([found], None))


def test_the_summary_of_a_regression_is_short_and_folded() -> None:
    text = summary(_gate(_worse()), "entropy_vs_similarity")
    assert_golden("gate_summary.md", text)
    assert text.count("<details>") == text.count("</details>") > 0


def test_a_pass_says_what_it_could_not_have_seen() -> None:
    text = summary(_gate(NOW), "entropy_vs_similarity")
    assert text.startswith("### No regression: entropy\\_vs\\_similarity against before")
    assert "could not have seen less than" in text


def test_json_holds_every_finding_and_no_number_that_json_lacks(found: Comparison) -> None:
    plain = json.loads(json.dumps(of_comparisons([found], None), allow_nan=False))
    assert len(plain["comparisons"][0]["findings"]) == len(found.findings)
    assert plain["limits"]["level"] == 0.01
    told = json.loads(json.dumps(of_gate(_gate(NOW), 0), allow_nan=False))
    assert (told["verdict"], told["exit_code"]) == ("passed", 0)
    assert told["unseen"]["largest"] > told["limits"]["effect"]


def test_junit_counts_what_it_holds() -> None:
    told = _gate(_worse())
    root = ElementTree.fromstring(junit(told, "entropy_vs_similarity").partition("\n")[2])
    (suite,) = root
    assert root.tag == "testsuites"
    assert int(suite.get("tests", "0")) == len(suite) == len(told.comparison.findings)
    assert int(suite.get("failures", "0")) == len(suite.findall("testcase/failure")) == len(told.regressions)
    assert int(suite.get("skipped", "0")) == len(suite.findall("testcase/skipped"))
    assert all(case.get("name") and case.get("classname") for case in suite)


def test_junit_holds_no_character_that_xml_lacks() -> None:
    broken = changed(NOW, NOW[1], lambda r: failed(r, message="bell \x07 and <tag>"))
    assert (
        ElementTree.fromstring(junit(_gate(broken), "x").partition("\n")[2]).find("testsuite/testcase/failure")
        is not None
    )


def test_missing_counts_only_strictly_and_nothing_compared_is_no_pass() -> None:
    rest = NOW[:-1]
    assert _gate(rest).verdict == "passed"
    assert _gate(rest, is_strict=True).verdict == "regression"
    assert _gate(()).verdict == "nothing"


def test_runs_that_the_snapshot_holds_are_no_news() -> None:
    kept = again(records_of(PLAN), seed=0)
    assert _gate(kept).verdict == "nothing"
    assert _gate((*kept, *NOW)).verdict == "passed"


def test_a_trial_that_fails_now_is_worse_though_it_went_well_since_the_snapshot() -> None:
    later = again([failed(one(NOW, "entropy"))], seed=2)
    (worse,) = _gate((*NOW, *later)).regressions
    assert worse.note.startswith("failed: oom_host")


def test_a_collector_that_fails_now_is_worse_though_it_answered_since_the_snapshot() -> None:
    broken = {"value": None, "samples": (), "baseline_samples": (), "reason": "collector_failed: ValueError"}
    later = again(measured(record, "latency_s", **broken) for record in records_of(PLAN))
    since = (*NOW, *(r.model_copy(update={"run": _later(r)}) for r in later))
    assert _gate(since).verdict == "regression"
    assert {f.what.partition(" ")[0] for f in _gate(since).regressions} == {"latency_s"}


def _later(record: Record) -> Run:
    return record.run.model_copy(update={"id": f"{record.run.id}-later", "finished": "2026-04-01T12:00:00Z"})


def test_a_pass_counts_the_metrics_of_which_no_change_would_have_been_believed() -> None:
    doubted = _gate(tuple(measured(record, "latency_s", quality="noisy") for record in NOW))
    assert doubted.verdict == "passed"
    text = summary(doubted, "x")
    assert "and would have believed no change of 2 metrics with noisy samples" in text
    assert doubted.largest_unseen is not None
    assert doubted.largest_unseen.what.startswith("images_per_s")


def test_an_improvement_is_told_and_no_failure() -> None:
    better = _gate(again(records_of(PLAN), slower=0.8))
    assert better.verdict == "passed"
    assert "<summary>Better (" in summary(better, "x")


def test_values_are_in_units_that_suit_them() -> None:
    heavier = changed(NOW, NOW[1], lambda r: measured(r, "macs", value=9e9))
    text = as_markdown([compare(*sides(heavier), Limits())], None)
    assert "9000000000" in text
