"""What is saved is told by image size: a speed-up at one size is never held against the MACs of another."""

from __future__ import annotations

import pytest
from assured import assured
from timed_records import PLAN, also, viewed

from harness.records import Measurement, Record
from harness.report.speeds import speeds
from harness.report.view import View
from harness.tables.derived import realised
from harness.tables.runtimes import size_tables

WHOLE, LARGE = 7.0e6, 4.0e7  # MACs of the baseline at its own size, and at 16 pixels


def macs(record: Record, value: float, size: int | None = None) -> Measurement:
    held = next(m for m in record.measurements if m.metric == "macs")
    return held.model_copy(update={"value": value, "at": {} if size is None else {"image_size": size}})


def sized(record: Record, turned: bool = False) -> Record:
    """MACs at two sizes, of which a removal saves a tenth and a quarter; `turned` has them the other way round."""
    rest = 1.0 if record.trial.is_baseline else 0.9
    large = 1.0 if record.trial.is_baseline else 0.75
    own = [macs(record, WHOLE * rest), macs(record, LARGE * large, 16)]
    bare = record.model_copy(update={"measurements": tuple(m for m in record.measurements if m.metric != "macs")})
    return also(bare, *(own[::-1] if turned else own))


def at_size(record: Record, metric: str, size: int) -> Record:
    """The same timing once more, for images of another size."""
    held = next(m for m in record.measurements if m.metric == metric)
    return also(record, held.model_copy(update={"at": {**held.at, "image_size": size}, "shared_from": None}))


def view(*, turned: bool = False) -> View:
    records = [sized(record, turned and not record.trial.is_baseline) for record in plan_records()]
    return viewed([at_size(at_size(r, "latency_s", 16), "images_per_s", 16) for r in records])


def plan_records() -> list[Record]:
    return list(assured(PLAN))


@pytest.mark.parametrize("turned", [False, True])
def test_candidate_and_baseline_are_compared_at_one_size_whatever_was_measured_first(turned: bool) -> None:
    rows = view(turned=turned).table
    candidates = rows[rows["criterion"].notna()]
    assert candidates["macs_saved"].to_list() == pytest.approx([0.1] * len(candidates))
    assert candidates["macs_saved@image_size=16"].to_list() == pytest.approx([0.25] * len(candidates))


def test_what_is_realised_rests_on_the_macs_of_the_timed_size() -> None:
    rows = view().table
    row = rows[rows["criterion"].notna()].iloc[0]
    at = next(name.partition("@")[2] for name in rows.columns if name.startswith("realised@"))
    assert row["realised"] == pytest.approx(realised(row["speedup"], 0.1))
    assert row[f"realised@{at}"] == pytest.approx(realised(row[f"speedup@{at}"], 0.25))


def test_without_macs_of_a_size_nothing_is_realised_there() -> None:
    records = [at_size(record, "latency_s", 16) for record in plan_records()]
    assert not any(name.startswith("realised@") for name in viewed(records).table.columns)


def test_a_table_of_sizes_shows_the_saving_of_each() -> None:
    (table,) = [t for t in size_tables(view().panels) if "throughput" in t.title]
    saved = {row[1] for row in table.rows if "nothing" not in row[0]}
    assert saved == {"10.0 % (own size), 25.0 % (16)"}


def test_words_tell_each_size_and_what_is_saved_there() -> None:
    (members,) = view().timed
    latency, larger, throughput, fourth = speeds(members, 4)
    assert latency.startswith("The latency (batch 1) fell by ")
    assert larger.startswith("The latency (batch 1, image size 16, 25.0 % of the MACs saved) fell by ")
    assert throughput.startswith("The throughput (batch 64, 10.0 % of the MACs saved) rose by ")
    assert fourth.startswith("The throughput (batch 64, image size 16, 25.0 % of the MACs saved) rose by ")
