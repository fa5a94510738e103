"""A growing set against every set run by itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from walks import Noted, Units, alone, assert_equal, batches_of, names, scoring_of, walker_over

from harness.criteria.base import Scoring
from harness.families.base import Unit
from harness.prefixes import Growing

TARGETS = [("attention", "skip"), ("attention", "identity"), ("mlp", "skip"), ("block", "skip"), ("joint", "skip")]


def grown(scoring: Scoring, picks: list[int], is_best: Any = None, **options: Any) -> tuple[Noted, Growing, float]:
    """What is seen along a path that is given by places in `units`; the blocks that were run."""
    walker, seen = walker_over(scoring, **options), Noted()
    growing = walker.growing()
    left = list(scoring.units)
    for pick in picks:
        wanted = scoring.units[pick]
        growing.extensions(left, seen, is_best and (lambda unit, wanted=wanted: unit is wanted))
        growing.accept(wanted)
        left.remove(wanted)
    return seen, growing, walker.block_evaluations


def along(scoring: Scoring, picks: list[int]) -> list[Units]:
    """The sets of such a path."""
    chosen: list[Unit] = []
    sets: list[Units] = []
    for pick in picks:
        sets += [(*chosen, unit) for unit in scoring.units if unit not in chosen]
        chosen.append(scoring.units[pick])
    return sets


@pytest.mark.parametrize("keeps", [True, False], ids=["best kept", "best run again"])
@pytest.mark.parametrize(("target", "removal"), TARGETS)
def test_every_candidate_gives_the_bits_of_a_run_by_itself(
    tiny_net: nn.Module, target: str, removal: str, keeps: bool
) -> None:
    scoring = scoring_of(tiny_net, batches_of(4, 4, 3), target, removal)
    for picks in ([2, 0, 1], [0, 1, 2], [1, 2, 0]):
        seen, _, _ = grown(scoring, picks, keeps or None)
        assert_equal(seen.reads, alone(scoring, along(scoring, picks)))


def test_a_winner_that_was_kept_needs_no_further_pass(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(4, 4))
    _, _, blocks = grown(scoring, [0, 1], is_best=True)
    trial = 0.5
    assert blocks == 3 + trial + (3 + 2 + 1) + (2 + 1)


def test_a_winner_that_was_not_kept_is_run_again(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(4, 4))
    _, _, blocks = grown(scoring, [0, 1])
    assert blocks == 3 + 0.5 + (3 + 2 + 1) + 3 + (2 + 1) + 2


def test_the_whole_network_is_read_to_begin_with(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(3, 2))
    walker = walker_over(scoring)
    growing = walker.growing()
    (expected,) = alone(scoring, [()]).values()
    assert all(torch.equal(a, b) for a, b in zip(growing.untouched, expected, strict=True))
    assert walker.untouched() is growing.untouched


def test_a_second_set_grows_from_the_same_walker(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(3, 2))
    walker = walker_over(scoring)
    walker.growing().accept(scoring.units[0])
    seen = Noted()
    walker.growing().extensions(scoring.units, seen)
    assert_equal(seen.reads, alone(scoring, [(unit,) for unit in scoring.units]))


def test_what_was_chosen_is_told_in_order(tiny_net: nn.Module) -> None:
    _, growing, _ = grown(scoring_of(tiny_net, batches_of(2)), [2, 0])
    assert names(growing.chosen) == ("blocks.2.attn", "blocks.0.attn")


@pytest.mark.parametrize("options", [{"share": False}, {"device": "cpu"}])
def test_nothing_shared_or_kept_elsewhere_gives_the_same(tiny_net: nn.Module, options: dict[str, Any]) -> None:
    scoring = scoring_of(tiny_net, batches_of(3, 2), "joint")
    seen, _, _ = grown(scoring, [3, 2], True, **options)
    assert_equal(seen.reads, alone(scoring, along(scoring, [3, 2])))


def test_buffers_are_filled_anew(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(3, 2))
    walker, places = walker_over(scoring), set()
    growing = walker.growing()
    for unit in scoring.units[:2]:
        growing.extensions([one for one in scoring.units if one not in growing.chosen], Noted(), lambda _: True)
        growing.accept(unit)
        buffers = (growing._chosen, growing._best, growing._present)
        places |= {tensor.data_ptr() for tapes in buffers for tape in tapes for tensor in tape if tensor is not None}
    kept = len(growing._chosen[0])
    assert len(places) <= 2 * (kept + 2 * 2)  # by batch: all outputs once, and two blocks' twice more
