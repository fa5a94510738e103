"""Smaller micro-batches where a GPU has no room."""

from __future__ import annotations

import pytest
import torch

from harness.stages.scoring import within_memory


def work_with_room_for(items: int, tried: list[int]) -> object:
    def work(micro_batch: int) -> str:
        tried.append(micro_batch)
        if micro_batch > items:
            raise torch.OutOfMemoryError("no room")
        return "done"

    return within_memory(work)


def test_micro_batches_are_halved_until_one_fits() -> None:
    tried: list[int] = []
    assert work_with_room_for(12, tried) == ("done", 12)
    assert tried == [50, 25, 12]


def test_where_no_item_fits_the_error_is_told() -> None:
    tried: list[int] = []
    with pytest.raises(torch.OutOfMemoryError, match="no room"):
        work_with_room_for(0, tried)
    assert tried == [50, 25, 12, 6, 3, 1]
