"""What training gives back: curves by its length, and accuracy before against after."""

from __future__ import annotations

import pytest
from assured import accuracy, with_accuracy, with_trial
from builders import Plan, index_of, records_of

from harness.plots import recovered
from harness.plots.gallery import Beside, gallery
from harness.plots.recovered import before_after, families, recovery_curves
from harness.records import Record
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.trainings import Training, trainings

PLAN = Plan(seeds=(0, 1), criteria=("entropy", "last"), counts=(2, 4))
GAINS = {"finetune_1": (1, 0.3), "finetune_4": (4, 0.8)}


def trained(record: Record, label: str) -> Record:
    """The trial after a training that gives back a share of what was lost."""
    epochs, share = GAINS[label]
    spec = {"recovery": {"name": "finetune", "epochs": epochs}}
    made = with_trial(record, spec, recovery=label)
    if record.trial.baseline is not None:
        base = next(r for r in records_of(PLAN) if r.trial.id == record.trial.baseline)
        trial = made.trial.model_copy(update={"baseline": with_trial(base, spec, recovery=label).trial.id})
        made = made.model_copy(update={"trial": trial})
    return with_accuracy(made, accuracy(record) + share * (0.96 - accuracy(record)))


@pytest.fixture(scope="module")
def view() -> View:
    records = [one for r in records_of(PLAN) for one in (r, *(trained(r, label) for label in GAINS))]
    index = index_of(PLAN).model_copy(update={"trials": tuple(r.trial for r in records)})
    return view_of(index, Reading(tuple(records), ()))


def test_lengths_are_those_of_the_specs(view: View) -> None:
    expected = {label: Training("finetune", epochs, "epochs") for label, (epochs, _) in GAINS.items()}
    assert trainings(view.rows) == expected


def test_a_curve_begins_with_no_training_and_shows_the_baseline_with_the_same(view: View) -> None:
    (members,) = families(view.outcomes)
    drawing = recovery_curves(members, trainings(view.rows))
    assert drawing is not None
    own = drawing.data[drawing.data["series"] == "last"].sort_values("length")
    assert list(own["length"]) == [0, 1, 4]
    assert own["top1_share"].is_monotonic_increasing
    assert list(drawing.data.loc[drawing.data["series"] == "baseline", "length"].sort_values()) == [0, 1, 4]
    assert [axes.get_title("left") for axes in drawing.figure.axes] == ["entropy", "last"]
    assert "epochs" in drawing.figure.get_supxlabel()


def test_one_length_is_no_curve(view: View) -> None:
    ((first, second, _),) = families(view.outcomes)
    assert recovery_curves((first, second), trainings(view.rows)) is None


def test_criteria_that_found_no_tile_are_counted(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    (members,) = families(view.outcomes)
    monkeypatch.setattr(recovered, "MOST_TILES", 1)
    drawing = recovery_curves(members, trainings(view.rows))
    assert drawing is not None
    assert "Shown are the first 1 of 2 criteria" in drawing.caption
    assert set(drawing.data["series"]) == {"entropy", "last", "baseline"}


def test_before_and_after_are_means_of_the_same_criterion_and_amount(view: View) -> None:
    (members,) = families(view.outcomes)
    drawing = before_after(members)
    assert drawing is not None
    assert len(drawing.data) == 2 * 4
    row = drawing.data[(drawing.data["recovery"] == "finetune_4") & (drawing.data["criterion"] == "last")].iloc[0]
    plain = next(p for p in members if p.key["recovery"] == "none")
    assert row["before_share"] == pytest.approx(sum(plain.values("top1", "last", 2)) / 2)
    assert row["after_share"] == pytest.approx(row["before_share"] + 0.8 * (0.96 - row["before_share"]))


def test_the_gallery_puts_them_after_the_first_panel_and_draws_no_set_twice(view: View) -> None:
    beside = Beside(trainings(view.rows))
    few = [p for p in view.panels if p.key["recovery"] != "finetune_1"]
    names = [d.name for d in gallery(few, PLAN.criteria, beside=beside)]
    kinds = [name.partition("-")[0] for name in names]
    assert kinds.count("before_after") == kinds.count("depth") == 1
    assert kinds[:2] == ["accuracy_cost", "accuracy_count"]
    assert len(names) == len(set(names))
