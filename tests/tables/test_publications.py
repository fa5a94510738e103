"""Published beside ours: only where network, set, data and changes are the same."""

from __future__ import annotations

from typing import Any

from assured import with_accuracy, with_trial
from builders import Plan, index_of, records_of

from harness.records import Record
from harness.report.caveats import caveats
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.publications import published_tables
from harness.tables.table import Table

PLAN = Plan(seeds=(0, 1), criteria=("entropy",), counts=(5,), of=12, contrast=None)
DEIT_B = (0, 1, 3, 4, 6)


def ours(places: tuple[int, ...] = DEIT_B, data: str = "imagenet", **spec: Any) -> Record:
    record = next(r for r in records_of(PLAN) if r.trial.criterion)
    spec = {"architecture": "deit_base_patch16_224.fb_in1k", **spec}
    record = with_accuracy(with_trial(record, spec, data=data, recovery="dilution", removal="identity"), 0.8150)
    return record.model_copy(update={"recipe": {"attention": places}})


def tables(*records: Record, names: tuple[str, ...] = ("lambda_vit",)) -> tuple[Table, ...]:
    seen = viewed(*records, names=names)
    return tuple(published_tables(seen.index.references, seen.results, seen.table))


def viewed(*records: Record, names: tuple[str, ...] = ("lambda_vit",)) -> View:
    references = tuple({"published": name} for name in names)
    trials = tuple(r.trial for r in records)
    return view_of(index_of(PLAN).model_copy(update={"trials": trials, "references": references}), Reading(records, ()))


def row_of(table: Table, removed: str) -> tuple[str, ...]:
    return next(row for row in table.rows if row[:2] == ("DeiT-B", removed))


def test_the_same_set_of_the_same_network_shows_the_difference() -> None:
    row = row_of(tables(ours())[0], "attention 0, 1, 3, 4, 6")
    assert row[3:] == ("81.83 %", "81.50 %", "−0.33 %", "dilution, identity; labelled 40 %")


def test_other_sets_data_networks_and_changes_are_not_measured_here() -> None:
    others = (
        ours(places=(0, 1, 2, 3, 4)),
        ours(data="digits"),
        ours(architecture="deit_small_patch16_224"),
        ours(transforms=[{"name": "tome", "r": 8}]),
    )
    for record in others:
        assert row_of(tables(record)[0], "attention 0, 1, 3, 4, 6")[4] == "not measured here"


def test_token_merging_is_compared_with_the_same_token_merging() -> None:
    record = ours(transforms=[{"name": "tome", "start": 1, "r": 24, "from": "cost"}])
    row = row_of(tables(record)[2], "attention 0, 1, 3, 4, 6 + tome start 1 r 24")
    assert row[4] == "81.50 %"


def test_every_value_is_shown_with_source_and_protocol() -> None:
    found = tables(names=("lambda_vit", "llm_drop"))
    assert len(found) == 11
    assert all("Protocol:" in table.notes[0] for table in found)
    assert all(cell for table in found for row in table.rows for cell in row)


def test_an_unknown_list_is_a_caveat() -> None:
    seen = viewed(names=("nobody",))
    assert tables(names=("nobody",)) == ()
    assert any("published as 'nobody'" in sentence for sentence in caveats(seen))
