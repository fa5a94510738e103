"""Orders that others published, planned on networks of the size that they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_studies import STUDIES, small, written
from text_files import write_texts

from harness.errors import SpecError
from harness.plan import Plan, make_plan
from harness.study_file import load_study

MISTRAL = f"hf-config:{STUDIES / 'full' / 'configs' / 'mistral_7b.json'}"
# What LLM-Drop's README drops of Mistral-7B, in its order.
ORDERS = {"attention": [25, 26, 24, 22], "mlp": [26, 27, 25, 24], "block": [26, 25, 24, 27]}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    write_texts(folder / "mine")
    return folder


def planned(kept: Path, **changes: Any) -> Plan:
    study = small(
        data={"name": "text", "label": "mine", "context": 16},
        models=[{"name": "mistral", "architecture": MISTRAL, "weights": "random"}],
        counts=None,
        collectors=["perplexity"],
        paths={"mine": "./mine"},
    )
    return make_plan(load_study(written(kept, {**study, **changes})), kept)


@pytest.mark.parametrize("target", ORDERS)
def test_an_order_is_tried_at_each_of_its_counts(kept: Path, target: str) -> None:
    order = {"name": "fixed", "ordered": True, target: ORDERS[target]}
    plan = planned(kept, criteria=[order], targets=[target])
    assert [trial.count for trial in plan.trials if not trial.is_baseline] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ([25, 26, 25], "attention holds 25 twice"),
        ([25, 32], "there is no attention at depth 32; depths are 0 to 31"),
    ],
)
def test_an_order_that_cannot_be_is_told_before_anything_runs(kept: Path, order: list[int], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        planned(kept, criteria=[{"name": "fixed", "ordered": True, "attention": order}])
