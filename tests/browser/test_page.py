"""A report as a reader meets it: in a real browser, offline, on a phone and a desk, with and without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from browsers import MARKS, started
from builders import Plan, failed, records_of, stored

from harness.report import write_report
from harness.store import Store

pytestmark = MARKS
PLAN = Plan(seeds=(0, 1), draws=2, counts=(2, 4))
READY = "#explorer[data-ready]"
SHOWN = "table[data-trials] tbody tr:not([hidden])"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with a failed and a missing trial."""
    folder = tmp_path_factory.mktemp("page")
    records = records_of(PLAN)
    store = stored(PLAN, Store(folder / "results"), (*records[:-2], failed(records[-2])))
    return write_report(store, PLAN.study, folder / "reports").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as found:
        yield found


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page at the width of a desk, ready to be used."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(address)
    opened.wait_for_selector(READY)
    yield opened
    opened.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_alone_and_in_order_at_any_width(browser: Any, address: str, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector(READY)
    page.wait_for_timeout(300)
    assert told == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    ink, paper = page.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    brightness = [sum(json.loads(f"[{colour[4:-1]}]")) for colour in (ink, paper)]
    assert (brightness[0] < brightness[1]) == (scheme == "light")
    page.close()


def test_a_heading_sorts_up_and_down_and_says_so(page: Any) -> None:
    heading = page.locator("table[data-trials] thead th", has_text="test top-1")
    column = page.locator("table[data-trials] thead th").all_inner_texts().index("test top-1")
    for way in ("ascending", "descending"):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == way
        cells = page.locator(f"{SHOWN} > :nth-child({column + 1})").all_inner_texts()
        blank = cells.index("–")
        assert set(cells[blank:]) == {"–"}  # what was not measured comes last either way
        values = [float(cell.split()[0]) for cell in cells[:blank]]
        assert values == sorted(values, reverse=way == "descending")
    assert page.locator("th[aria-sort]").count() == 1


def test_trials_are_found_by_words_status_and_criterion(page: Any) -> None:
    count = page.locator("#trials-count")
    total = page.locator(SHOWN).count()
    assert count.inner_text() == f"{total} of {total} trials shown"
    page.fill("#trials-words", "entropy k2")
    assert page.locator(SHOWN).count() == 2
    assert count.inner_text() == f"2 of {total} trials shown"
    page.fill("#trials-words", "")
    page.select_option("#trials-status", "failed")
    assert page.locator(SHOWN).all_inner_texts()[0].count("the host ran out of memory") == 1
    page.click("#trials-clear")
    page.uncheck("#of-figures-2")  # the box above the figures
    assert not page.is_checked("#of-trials-2")
    assert page.locator(f"{SHOWN}[data-criterion=entropy]").count() == 0
    assert page.evaluate("Bokeh.documents[0].get_model_by_name('shown').booleans.filter(Boolean).length") == total - 4
    page.click("#trials-clear")
    assert page.locator(SHOWN).count() == total


PLACE = """([number, row]) => {
  const data = Bokeh.documents[0].get_model_by_name("trials").data;
  const view = Bokeh.index.get_by_id(Bokeh.documents[0].roots()[number].id);
  const box = view.canvas_view.el.getBoundingClientRect();
  const [x, y] = [data[`x_${number}`][row], data[`y_${number}`][row]];
  return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)];
}"""


def test_pointing_at_a_mark_names_the_trial_and_what_was_removed(page: Any) -> None:
    page.locator("#explorer").scroll_into_view_if_needed()
    page.mouse.move(*page.evaluate(PLACE, [0, 3]))
    page.wait_for_timeout(300)
    data = page.evaluate("(d => [d.trial[3], d.removed[3]])(Bokeh.documents[0].get_model_by_name('trials').data)")
    told = page.inner_text("#explorer-pointed")
    assert all(word in told for word in data)


def test_a_mark_that_is_tapped_is_marked_everywhere_and_a_row_too(page: Any) -> None:
    page.locator("#explorer").scroll_into_view_if_needed()
    page.mouse.click(*page.evaluate(PLACE, [1, 3]))
    page.wait_for_timeout(300)
    chosen = page.evaluate("Bokeh.documents[0].get_model_by_name('trials').selected.indices")
    assert 3 in chosen
    rows = page.locator("table[data-trials] tbody tr")
    assert "picked" in rows.nth(3).get_attribute("class")
    assert page.inner_text("#trials-count").endswith(f"{len(chosen)} selected")
    page.click("#trials-clear")
    rows.nth(5).locator("button").focus()
    page.keyboard.press("Enter")
    assert rows.nth(5).locator("button").get_attribute("aria-pressed") == "true"
    assert page.evaluate("Bokeh.documents[0].get_model_by_name('trials').selected.indices") == [5]
    page.check("#trials-selected")
    assert page.locator(SHOWN).count() == 1


def test_an_axis_can_be_turned_to_another_quantity(page: Any) -> None:
    page.select_option("#explorer-x-0", "params_saved")
    label = "Bokeh.documents[0].roots()[0].below[0].axis_label"
    assert page.evaluate(label) == "parameters saved (%)"
    data = page.evaluate("(d => [d.x_0[3], d.params_saved[3]])(Bokeh.documents[0].get_model_by_name('trials').data)")
    assert data[0] == pytest.approx(data[1], abs=1)


def test_the_keyboard_reaches_the_answer_first(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#answer"


def test_without_scripts_everything_can_be_read(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    drawn = [*Path(urlparse(address).path).parent.glob("figures/*.svg")]
    assert page.locator("figure svg").count() == len(drawn) > 0
    assert page.locator("table[data-trials] tbody tr").count() == len(records_of(PLAN))
    assert not page.locator("#explorer").is_visible()
    assert not page.locator(".controls").is_visible()
    context.close()


def test_paper_shows_whole_tables_and_no_controls(page: Any, tmp_path: Path) -> None:
    page.emulate_media(media="print")
    assert not page.locator(".controls").is_visible()
    assert not page.locator("#explorer").is_visible()
    box = page.locator("section#trials .scroll").first
    page.set_viewport_size({"width": 1040, "height": 700})  # about as wide as paper, which lies for this table
    for side in ("Height", "Width"):
        assert box.evaluate(f"box => box.scroll{side} - box.client{side}") <= 1
    page.pdf(path=str(tmp_path / "page.pdf"))
