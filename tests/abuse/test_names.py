"""Names that lead out of a folder, steer a terminal or are HTML: refused, or shown as they are and nothing more."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from builders import Plan as Made
from builders import failed, index_of, records_of, stored
from PIL import Image
from small_studies import small, written

from harness.artifacts import Artifacts
from harness.errors import HarnessError
from harness.plan import Plan, make_plan
from harness.report import write_report
from harness.store import Store
from harness.study_file import load_study
from harness.tables.table import Table, latex, markdown

TINY = Made(seeds=(0,), criteria=("entropy",), contrast=None, counts=(2,), question=None)
SAFE = replace(TINY, study="safe")
NAMES = {
    "up": "../../escaped",
    "root": "/tmp/escaped",
    "nul": "a\0b",
    "newline": "a\nb: c",
    "script": "<script>alert(1)</script>",
    "handler": '"><img src=x onerror=alert(1)>',
    "emoji": "\U0001f600",
    "long": "a" * 300,
    "windows": "CON",
    "colon": "C:\\x",
    "rtl": "\u202egnp.exe",
    "template": "{{ 7 * 7 }}",
    "latex": "\\input{/etc/passwd}",
    "dots": "..",
    "option": "-rf",
}
PLACES: dict[str, Any] = {
    "study": lambda name: {"study": name},
    "model": lambda name: {"models": [{**small()["models"][0], "name": name}]},
    "criterion": lambda name: {"criteria": [{"name": "last", "label": name}]},
    "recovery": lambda name: {"recoveries": [{"name": "finetune", "steps": 1, "label": name}]},
    "data": lambda name: {"data": {"name": "folder", "label": name}},
    "published": lambda name: {"references": [{"published": name}]},
    "plug-in": lambda name: {"plugins": [f"{name}.py"]},
    "question": lambda name: {"question": name},
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


def planned(study: Path, results: Path) -> tuple[Plan | None, str]:
    """The plan of a study file, or why there is none."""
    try:
        return make_plan(load_study(study), results), ""
    except HarnessError as error:
        return None, str(error)


@pytest.mark.parametrize("place", PLACES)
def test_a_name_in_a_study_is_refused_in_a_sentence_or_fit_for_a_file(kept: Path, tmp_path: Path, place: str) -> None:
    for name in NAMES.values():
        plan, told = planned(written(tmp_path, small(**PLACES[place](name))), kept)
        assert (plan is None) == bool(told)
        assert all(c.isprintable() or c == "\n" for c in told)
        for word in () if plan is None else (plan.study.study, *(trial.id for trial in plan.trials)):
            assert not set(word) & set("/\\\0\n<>:\"' {}")
            assert word.isascii()
            assert len(word) < 240
            assert word.strip(".") == word


SCRIPT = re.compile(r"<script>.*?</script>", re.DOTALL)


class Page(HTMLParser):
    """What a browser would run of a page, or fetch for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value or "" for key, value in attrs}
        self.active += [tag] if tag in ("script", "iframe", "object", "embed", "base", "form", "img") else []
        self.active += [key for key in named if key.startswith("on") or key == "src"]
        self.active += [v for key, v in named.items() if key == "href" and not v.startswith("#") and not is_beside(v)]


def is_beside(link: str) -> bool:
    """Whether a link leads to a file of the report itself."""
    return link.startswith(("figures/", "tables/")) or link in ("trials.csv", "report.md", "checkpoint_tests.csv")


def test_a_report_of_records_that_hold_any_name_runs_nothing_and_stays_in_its_folder(tmp_path: Path) -> None:
    name = " ".join(NAMES.values())
    store, index = stored(SAFE, Store(tmp_path / "results")), index_of(TINY)
    whole, *rest = records_of(TINY)
    stored(TINY, store, (whole, failed(rest[0], message=name), *rest[1:]))
    labels = {"model": name, "data": name, "recovery": name, "target": name}
    trials = tuple(t.model_copy(update=labels | {"criterion": t.criterion and name}) for t in index.trials)
    changes: dict[str, Any] = {"question": name, "command": name, "criteria": (name,), "trials": trials}
    store.write_index(index.model_copy(update=changes))
    page = write_report(store, TINY.study, tmp_path / "reports")
    text = page.read_text(encoding="utf-8")
    own = SCRIPT.findall(write_report(store, SAFE.study, tmp_path / "reports").read_text(encoding="utf-8"))
    assert SCRIPT.findall(text) == own  # whatever the names are, what runs is the same
    assert Page(SCRIPT.sub("", text)).active == ["script"]  # the data of the figures, which no browser runs
    assert "<" not in text.partition('<script type="application/json" id="explorer-data">')[2].partition("</script>")[0]
    assert {p.name for p in tmp_path.iterdir()} == {"results", "reports"}
    assert {p.name for p in (tmp_path / "reports").iterdir()} == {TINY.study, SAFE.study}
    for path in (tmp_path / "reports").rglob("*"):
        assert path.name.isascii()
        assert not set(path.name) & set('<>:"\\|?*\n')
    for path in (tmp_path / "reports").rglob("*.tex"):
        text = path.read_text(encoding="utf-8")
        assert "\\input" not in text
        assert "\n\n" not in text
        assert "\0" not in text


def test_a_table_keeps_its_rows_and_its_words_whatever_a_cell_holds() -> None:
    table = Table("t", "T", ("name", "value"), tuple((name, "1") for name in NAMES.values()))
    assert len(markdown(table).splitlines()) == len(NAMES) + 2
    rows = latex(table).partition("\\midrule\n")[2].partition("    \\bottomrule")[0].splitlines()
    assert len(rows) == len(NAMES)
    assert all(row.endswith("& 1 \\\\") and row.count("&") == 1 for row in rows)


def test_folders_of_classes_may_have_any_name_that_a_folder_can_have(tmp_path: Path) -> None:
    classes = [
        name for name in NAMES.values() if "/" not in name and "\0" not in name and name != ".." and len(name) < 250
    ]
    for number, name in enumerate(classes):
        (tmp_path / "images" / name).mkdir(parents=True)
        for copy in range(12):
            Image.new("RGB", (8, 8), (number * 9, copy * 20, 90)).save(tmp_path / "images" / name / f"{copy}\n<b>.png")
    study = small(data={"name": "folder", "label": "own"}, paths={"own": str(tmp_path / "images")})
    plan = make_plan(load_study(written(tmp_path, study)), tmp_path / "results")
    described = plan.datasets[0].describe({"own": tmp_path / "images"})
    assert described.outputs == len(classes)


@pytest.mark.parametrize("place", ["../../x", "/etc", "..", "", "a/b", "A" * 65, "a\nb"])
def test_a_record_cannot_send_anybody_out_of_the_artifacts(tmp_path: Path, place: str) -> None:
    (tmp_path / "x").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for parts in ((place, "k", "c"), ("prepare", place, "c"), ("prepare", "k", place)):
        assert Artifacts(tmp_path / "results").exact(*parts) is None
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["..", "../x", "artifacts", "snapshots", "a/b", "", "A", "a\n", "é"])
def test_no_study_is_read_outside_its_own_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(HarnessError):
        Store(tmp_path).read(name)
