"""Heat maps and curves by depth: what their cells hold, which are marked, and what they leave out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from assured import assured, with_selection, with_trial
from builders import Plan, elsewhere, index_of, records_of
from matplotlib.patches import Polygon

from harness.plots.accuracy_cost import accuracy_cost
from harness.plots.agreement import agreement_matrix
from harness.plots.depth import depth
from harness.plots.drawing import Drawing
from harness.plots.entropy import entropies
from harness.plots.look import looks
from harness.plots.scores import scores
from harness.records import Record
from harness.report.view import View, view_of
from harness.store import Reading
from harness.tables.assurance import agreement

PLAN = Plan(seeds=(0, 1, 2), criteria=("entropy", "similarity", "last", "random"), draws=2, counts=(2, 4))


def viewed(records: tuple[Record, ...], **changes: Any) -> View:
    update = {"trials": tuple(r.trial for r in records), **changes}
    return view_of(index_of(PLAN).model_copy(update=update), Reading(records, ()))


def drawn(records: tuple[Record, ...]) -> Drawing:
    ((panel, chosen),) = viewed(records).chosen
    found = scores(panel, chosen)
    assert found is not None
    return found


def shades(drawing: Drawing) -> np.ma.MaskedArray[Any, Any]:
    (axes,) = drawing.figure.axes
    (mesh,) = [c for c in axes.collections if c.get_array() is not None]
    return np.ma.asarray(mesh.get_array())


def texts(drawing: Drawing) -> list[str]:
    (axes,) = drawing.figure.axes
    return [text.get_text() for text in axes.texts]


def joint(record: Record) -> Record:
    """The record as one of attention and MLPs in one list: six units of three blocks."""
    if record.selection is None:
        return record
    order = ("blocks.2.attn", "blocks.0.mlp", "blocks.1.attn", "blocks.0.attn", "blocks.2.mlp", "blocks.1.mlp")
    made = with_trial(record, {"target": "joint"}, target="joint", of=6)
    made = with_selection(made, search="one_shot", order=order, scores={u: i / 10 for i, u in enumerate(order)})
    return made.model_copy(update={"removed": order[:2], "recipe": {"attention": (2,), "mlp": (0,)}})


def test_random_ranks_are_left_out() -> None:
    (axes,) = drawn(assured(PLAN)).figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["entropy", "similarity", "last"]


def test_a_cell_holds_the_mean_rank_and_the_first_to_go_is_darkest() -> None:
    drawing = drawn(records_of(PLAN))
    ((_, chosen),) = viewed(records_of(PLAN)).chosen
    own = [one.ranks["blocks.3.attn"] for one in chosen if one.criterion == "entropy"]
    values = shades(drawing).reshape(3, 8)
    assert values[0, 3] == pytest.approx(1 - (np.mean(own) - 1) / 7)
    assert values[2].tolist() == pytest.approx([i / 7 for i in range(8)])  # `last`: the deepest goes first


def test_unsettled_places_are_marked_where_half_of_the_networks_say_so() -> None:
    def sure(record: Record, units: list[str]) -> Record:
        stability = {"unsettled": units, "sizes": {}}
        return with_selection(record, stability=stability) if record.trial.criterion == "entropy" else record

    places = {0: ["blocks.1.attn", "blocks.2.attn"], 1: ["blocks.1.attn"], 2: []}
    drawing = drawn(tuple(sure(r, places[r.trial.model_seed or 0]) for r in records_of(PLAN)))
    (axes,) = drawing.figure.axes
    (mark,) = [patch for patch in axes.patches if isinstance(patch, Polygon)]
    assert np.floor(mark.get_xy()[0]).tolist() == [1.0, 0.0]
    assert "not settled" in drawing.caption
    assert "not settled" not in drawn(records_of(PLAN)).caption


def test_kinds_in_one_list_have_rows_of_their_own() -> None:
    drawing = drawn(tuple(map(joint, records_of(PLAN))))
    (axes,) = drawing.figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[:2] == ["entropy, attention", "entropy, mlp"]
    assert texts(drawing)[:6] == ["4", "3", "1", "2", "6", "5"]


def test_what_was_removed_of_a_joint_list_is_told_by_kind() -> None:
    (panel,) = viewed(tuple(map(joint, records_of(PLAN)))).panels
    drawing = depth(panel)
    assert drawing is not None
    assert texts(drawing)[:6] == ["0", "0", "100", "100", "0", "0"]


def test_many_columns_of_two_figures_are_written_whole() -> None:
    many = elsewhere(PLAN, of=12, criteria=("entropy", "similarity"))
    found = view_of(index_of(many), Reading(records_of(many), ()))
    drawing = scores(*found.chosen[0])
    assert drawing is not None
    assert not any("." in text for text in texts(drawing))


def test_agreement_is_a_triangle_of_three_criteria_or_more() -> None:
    ((panel, chosen),) = viewed(assured(PLAN)).chosen
    drawing = agreement_matrix(panel, agreement(chosen))
    assert drawing is not None
    assert shades(drawing).mask.reshape(2, 2).tolist() == [[False, True], [False, False]]
    two = {pair: values for pair, values in agreement(chosen).items() if "last" not in pair}
    assert agreement_matrix(panel, two) is None


def test_entropy_by_depth_shows_attention_beside_mlp() -> None:
    records: list[Record] = []
    for record in records_of(elsewhere(PLAN, criteria=("sublayer_entropy",), counts=(2,))):
        if record.trial.criterion is None:
            records.append(record)
            continue
        for target, part in (("attention", "attn"), ("mlp", "mlp")):
            level = -40.0 if target == "mlp" else -10.0
            held = {f"blocks.{i}.{part}": level + i for i in range(8)}
            records.append(with_selection(with_trial(record, {"target": target}, target=target), scores=held))
    (drawing,) = entropies(viewed(tuple(records)).chosen)
    (axes,) = drawing.figure.axes
    lines = {str(held.get_label()): held.lines[0].get_ydata() for held in axes.containers if hasattr(held, "lines")}
    assert list(lines["attention"]) == pytest.approx([-10.0 + i for i in range(8)])
    assert list(lines["mlp"]) == pytest.approx([-40.0 + i for i in range(8)])


def test_other_criteria_draw_no_entropy() -> None:
    assert entropies(viewed(assured(PLAN)).chosen) == ()


def test_dense_references_are_points_of_their_own_and_off_the_front() -> None:
    records = list(records_of(PLAN))
    for record in records_of(PLAN):
        if record.trial.criterion is None:
            dense = with_trial(record, {"architecture": "small"}, model="small")
            halved = [
                m.model_copy(update={"value": 0.5 * (m.value or 0)}) if m.metric == "macs" else m
                for m in dense.measurements
            ]
            records.append(dense.model_copy(update={"measurements": tuple(halved)}))
    seen = viewed(tuple(records), references=({"model": "small"},))
    (panel,) = seen.panels
    drawing = accuracy_cost(panel, looks(panel.criteria))
    assert drawing is not None
    (axes,) = drawing.figure.axes
    labels = {str(c.get_label()): c for c in axes.containers}
    assert list(labels["small (dense)"].lines[0].get_xdata()) == pytest.approx([50.0])  # type: ignore[attr-defined]  # error bars
    assert set(panel.baselines["model"]) == {"vit_digits"}
    assert "the front leaves them out" in drawing.caption
