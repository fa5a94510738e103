"""The shipped lists of published values: they load, and say what their sheets say."""

from __future__ import annotations

import pytest

from harness.errors import UnknownNameError
from harness.published import Value, names, plain_name, publication


def values(name: str) -> list[Value]:
    return [value for group in publication(name).groups for value in group.values]


@pytest.mark.parametrize("name", names())
def test_a_list_loads_and_no_value_stands_twice(name: str) -> None:
    found = [value.model_dump_json() for group in publication(name).groups for value in group.values]
    assert len(found) == len({*zip(found, [g.title for g in publication(name).groups for _ in g.values], strict=True)})


def test_lambda_vit_holds_the_sets_of_its_code() -> None:
    sets = {(v.model, v.count): v.removed for v in values("lambda_vit") if v.count}
    assert sets == {
        ("DeiT-B", 5): {"attention": (0, 1, 3, 4, 6)},
        ("DeiT-B", 6): {"attention": (0, 1, 3, 4, 6, 9)},
        ("DeiT-S", 3): {"attention": (0, 2, 4)},
        ("DeiT-S", 4): {"attention": (0, 2, 4, 6)},
        ("DeiT-T", 3): {"attention": (0, 2, 4)},
        ("DeiT-T", 4): {"attention": (0, 2, 4, 6)},
    }


def test_a_count_is_that_of_its_set() -> None:
    for value in values("lambda_vit"):
        assert value.count == len((value.removed or {}).get("attention", ()))


def test_table_1_of_the_lazy_neurons_is_whole_and_top_128_is_ahead_where_it_says_so() -> None:
    rows = publication("lazy_neuron").groups[0].values
    dense, top = (
        {(v.metric, v.note): v.value for v in rows if v.model == name} for name in ("ViT-B/16", "Top-128 ViT-B/16")
    )
    assert len(dense) == len(top) == 7
    points = {key: round(100 * (top[key] - dense[key]), 2) for key in dense}
    assert points == {
        ("top1", ""): -0.02,
        ("top1", "40 % label noise"): 2.69,
        ("top1", "80 % label noise"): 5.45,
        ("robust_top1", "Gaussian noise"): 2.75,
        ("robust_top1", "impulse noise"): 2.7,
        ("robust_top1", "shot noise"): 2.12,
        ("ece", ""): -0.94,
    }


def test_shares_are_shares() -> None:
    assert all(0 < v.value < 1 for name in names() for v in values(name) if v.unit == "1")


def test_a_network_goes_by_its_name_without_tag_or_revision() -> None:
    assert plain_name("deit_base_patch16_224.fb_in1k") == "deit_base_patch16_224"
    assert plain_name("hf:owner/Small-7B-v0.1@main") == "hf:owner/Small-7B-v0.1"
    assert plain_name("hf-config:llama") == "hf-config:llama"


def test_an_unknown_list_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'llm_drop'"):
        publication("llm_dorp")
