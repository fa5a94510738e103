"""Several machines: what is the same is drawn once, and what each makes of the savings stands side by side."""

from __future__ import annotations

from builders import Plan, elsewhere, index_of, records_of

from harness.plots.gallery import gallery
from harness.report.view import view_of
from harness.store import Reading

PLAN = Plan(seeds=(0,), criteria=("entropy",), contrast=None, counts=(2, 4))


def test_machines_share_one_figure_of_what_arrives_and_one_of_accuracy() -> None:
    other = elsewhere(PLAN, machine_class="gpu-0a1b2c", device="cuda")
    seen = view_of(index_of(PLAN), Reading((*records_of(PLAN), *records_of(other)), ()))
    drawings = {d.name.partition("-")[0]: d for d in gallery(seen.panels, PLAN.criteria)}
    names = [d.name.partition("-")[0] for d in gallery(seen.panels, PLAN.criteria)]
    assert names.count("realised") == names.count("accuracy_cost") == names.count("depth") == 1
    assert "The same for vit_digits, attention, gpu-0a1b2c" in drawings["accuracy_cost"].caption
    titles = [axes.get_title("left") for axes in drawings["realised"].figure.axes]
    assert titles == ["cpu-5f2c9a", "gpu-0a1b2c"]
    assert set(drawings["realised"].data["machine_class"]) == set(titles)
    limits = {axes.get_ylim() for axes in drawings["realised"].figure.axes}
    assert len(limits) == 1
