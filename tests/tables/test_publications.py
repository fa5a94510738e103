"""Published beside ours: only where network, set, data and changes are the same."""

from __future__ import annotations

from typing import Any

from assured import with_accuracy, with_trial
from builders import Plan, index_of, records_of

from harness.published import publication
from harness.records import Record
from harness.report.caveats import caveats
from harness.report.view import View, view_of
from harness.stats import wilson
from harness.store import Reading
from harness.tables.publications import published_tables
from harness.tables.table import Table

PLAN = Plan(seeds=(0, 1), criteria=("entropy",), counts=(5,), of=12, contrast=None)
DEIT_B, DEIT_B_50 = (0, 1, 3, 4, 6), (0, 1, 3, 4, 6, 9)


def ours(places: tuple[int, ...] = DEIT_B, data: str = "imagenet", **spec: Any) -> Record:
    record = next(r for r in records_of(PLAN) if r.trial.criterion)
    spec = {"architecture": "deit_base_patch16_224.fb_in1k", **spec}
    record = with_accuracy(with_trial(record, spec, data=data, recovery="dilution", removal="identity"), 0.8150)
    return record.model_copy(update={"recipe": {"attention": places}})


def tables(*records: Record, names: tuple[str, ...] = ("lambda_vit",)) -> tuple[Table, ...]:
    seen = viewed(*records, names=names)
    return tuple(published_tables(seen.index.references, seen.rows, seen.table))


def viewed(*records: Record, names: tuple[str, ...] = ("lambda_vit",)) -> View:
    references = tuple({"published": name} for name in names)
    trials = tuple(r.trial for r in records)
    return view_of(index_of(PLAN).model_copy(update={"trials": trials, "references": references}), Reading(records, ()))


def row_of(table: Table, removed: str) -> tuple[str, ...]:
    return next(row for row in table.rows if row[:2] == ("DeiT-B", removed))


def test_the_same_set_of_the_same_network_shows_the_difference() -> None:
    row = row_of(tables(ours())[0], "attention 0, 1, 3, 4, 6")
    bounds = wilson(round(0.815 * 360), 360)
    own = f"81.50 % [{100 * bounds.low:.2f}, {100 * bounds.high:.2f}]"
    assert row[3:] == ("81.83 %", own, "−0.33 %", "dilution, identity; labelled 40 %")


def test_other_sets_data_networks_and_changes_are_not_measured_here() -> None:
    others = (
        ours(places=(0, 1, 2, 3, 4)),
        ours(data="digits"),
        ours(architecture="deit_small_patch16_224"),
        ours(transforms=[{"name": "tome", "r": 8}]),
    )
    for record in others:
        row = row_of(tables(ours(places=DEIT_B_50), record)[0], "attention 0, 1, 3, 4, 6")
        assert row[4] == "not measured here"


def test_token_merging_is_compared_with_the_same_token_merging() -> None:
    record = ours(transforms=[{"name": "tome", "start": 1, "r": 24, "from": "cost"}])
    (table,) = (t for t in tables(record) if any("tome" in row[1] for row in t.rows))
    row = row_of(table, "attention 0, 1, 3, 4, 6 + tome start 1 r 24")
    assert row[4].startswith("81.50 % [")


def test_a_table_of_a_source_is_shown_whole_with_source_and_protocol() -> None:
    found = tables(ours())[0]
    assert "Protocol:" in found.notes[0]
    assert len(found.rows) > 1
    assert all(cell for row in found.rows for cell in row)


def test_what_nothing_here_can_stand_beside_is_named_and_not_listed() -> None:
    found = tables(names=("lambda_vit", "llm_drop"))
    assert [table.name for table in found] == ["published-lambda_vit", "published-llm_drop"]
    values = {name: sum(len(group.values) for group in publication(name).groups) for name in ("lambda_vit", "llm_drop")}
    assert [sum(int(row[1]) for row in table.rows) for table in found] == list(values.values())


def test_an_unknown_list_is_a_caveat() -> None:
    seen = viewed(names=("nobody",))
    assert tables(names=("nobody",)) == ()
    assert any("published as 'nobody'" in sentence for sentence in caveats(seen))
