"""Which published accuracies have a place in our figures."""

from __future__ import annotations

from test_publications import ours, viewed

from harness.tables.published_accuracies import Published, published_accuracies


def test_those_of_the_same_network_by_count() -> None:
    seen = viewed(ours())
    found = published_accuracies(seen.index.references, seen.results)
    assert Published("lambda_vit", "vit_digits", "attention", 5, 0.8183) in found
    assert {one.count for one in found} == {5, 6}


def test_merged_tokens_other_networks_and_other_data_have_none() -> None:
    seen = viewed(ours())
    assert 0.8158 not in {one.accuracy for one in published_accuracies(seen.index.references, seen.results)}
    for record in (ours(data="digits"), ours(architecture="vit_large_patch16_224")):
        other = viewed(record)
        assert published_accuracies(other.index.references, other.results) == ()
