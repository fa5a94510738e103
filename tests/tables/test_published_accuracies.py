"""Which published accuracies have a place in our figures."""

from __future__ import annotations

from assured import with_trial
from builders import Plan, index_of, records_of

from harness.report.view import view_of
from harness.store import Reading
from harness.tables.published_accuracies import Published, published_accuracies

PLAN = Plan(seeds=(0,), criteria=("entropy",), counts=(5,), of=12, contrast=None)


def found(architecture: str = "deit_base_patch16_224.fb_in1k", data: str = "imagenet") -> tuple[Published, ...]:
    """What the publication says of a study of this network."""
    record = with_trial(records_of(PLAN)[-1], {"architecture": architecture}, data=data)
    index = index_of(PLAN).model_copy(update={"trials": (record.trial,), "references": ({"published": "lambda_vit"},)})
    seen = view_of(index, Reading((record,), ()))
    return published_accuracies(seen.index.references, seen.rows)


def test_those_of_the_same_network_by_count() -> None:
    assert Published("lambda_vit", "vit_digits", "attention", 5, 0.8183) in found()
    assert {one.count for one in found()} == {5, 6}


def test_merged_tokens_other_networks_and_other_data_have_none() -> None:
    assert 0.8158 not in {one.accuracy for one in found()}
    assert found(architecture="vit_large_patch16_224") == ()
    assert found(data="digits") == ()
