"""Lists of dropped layers in a configuration: what they say, and what they cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import SpecError
from harness.models import check_architecture
from harness.models.drop_lists import drop_faults, drop_lists


def test_a_list_says_which_blocks_lack_what() -> None:
    assert drop_lists({"drop_attn_list": [3, 1], "drop_mlp_list": [], "hidden_size": 8}) == {"attention": (3, 1)}
    assert drop_lists({"drop_attn_list": None}) == {}
    assert list(drop_faults({"drop_attn_list": [3, 1], "drop_mlp_list": None}, 4)) == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"drop_attn_list": [1, 2, 1]}, "drop_attn_list holds 1 twice"),
        ({"drop_mlp_list": [4]}, "drop_mlp_list holds 4, and blocks are numbered 0 to 3"),
        ({"drop_mlp_list": [-1]}, "drop_mlp_list holds -1"),
        ({"drop_attn_list": "1"}, "must be a list of block numbers"),
        ({"drop_attn_list": [True]}, "must be a list of block numbers"),
        ({"drop_attn_list": [1.0]}, "must be a list of block numbers"),
    ],
)
def test_a_list_that_cannot_be_is_told(config: dict[str, Any], words: str) -> None:
    (fault,) = drop_faults(config, 4)
    assert words in fault


def test_all_faults_are_told_at_once() -> None:
    assert len(list(drop_faults({"drop_attn_list": [9, 9], "drop_mlp_list": 3}, 4))) == 3


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ({"drop_attn_list": [2, 2]}, "drop_attn_list holds 2 twice"),
        ({"drop_mlp_list": [40]}, "drop_mlp_list holds 40, and blocks are numbered 0 to 31"),
        (
            {"drop_attn_list": [2, 5], "drop_mlp_list": []},
            "drop_attn_list drops 2, 5 already; a study removes from the",
        ),
    ],
)
def test_a_study_of_a_network_that_lacks_layers_is_told(lists: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        check_architecture("hf-config:llama", {"config": lists}, "models.0")


def test_empty_lists_are_those_of_a_whole_network() -> None:
    check_architecture("hf-config:llama", {"config": {"drop_attn_list": [], "drop_mlp_list": None}})
