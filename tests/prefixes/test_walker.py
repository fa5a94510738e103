"""Shared passes against every set run by itself: the same bits, fewer blocks, and nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from walks import Noted, Units, alone, assert_equal, batches_of, names, scoring_of, subsets, walker_over

from harness.criteria.base import Scoring
from harness.tasks.base import Batch

REMOVALS = [
    ("attention", "skip"),
    ("attention", "identity"),
    ("mlp", "skip"),
    ("block", "skip"),
    ("joint", "skip"),
]
SWIN: dict[str, Any] = {"img_size": 32, "window_size": 4, "embed_dim": 16, "depths": [2, 1], "num_heads": [2, 4]}
PVT: dict[str, Any] = {
    "depths": [2, 1],
    "embed_dims": [8, 16],
    "num_heads": [1, 2],
    "sr_ratios": [2, 1],
    "mlp_ratios": [2, 2],
}


@pytest.fixture(scope="module")
def swin() -> nn.Module:
    """Three blocks in two stages: windows, shifts, and a change of resolution between blocks."""
    torch.manual_seed(0)
    net: nn.Module = timm.create_model("swin_tiny_patch4_window7_224", num_classes=10, in_chans=1, **SWIN)
    return net.eval()


@pytest.mark.parametrize(("target", "removal"), REMOVALS)
def test_every_subset_gives_the_bits_of_a_run_by_itself(tiny_net: nn.Module, target: str, removal: str) -> None:
    scoring, seen = scoring_of(tiny_net, batches_of(4, 4, 3), target, removal), Noted()
    walker = walker_over(scoring)
    walker.every(None, seen)
    assert walker.why_alone == ""
    assert_equal(seen.reads, alone(scoring, subsets(scoring.units)))


@pytest.mark.parametrize(("target", "removal"), REMOVALS)
def test_stages_and_windows_make_no_difference(swin: nn.Module, target: str, removal: str) -> None:
    scoring, seen = scoring_of(swin, batches_of(3, 2, side=32), target, removal), Noted()
    walker = walker_over(scoring)
    walker.every(2, seen, smallest=1)
    assert walker.why_alone == ""
    assert_equal(seen.reads, alone(scoring, subsets(scoring.units, 1, 2)))


def test_code_between_blocks_that_counts_items_makes_no_difference() -> None:
    torch.manual_seed(0)
    net = timm.create_model("pvt_v2_b0", num_classes=10, in_chans=1, **PVT).eval()
    scoring, seen = scoring_of(net, batches_of(3, 2, side=32), "mlp"), Noted()
    walker = walker_over(scoring)
    walker.every(None, seen)
    assert walker.why_alone == ""
    assert_equal(seen.reads, alone(scoring, subsets(scoring.units)))


def test_a_reader_that_counts_what_was_embedded_makes_no_difference(tiny_net: Any) -> None:
    counted: list[int] = []
    tiny_net.pos_drop.register_forward_hook(lambda _, __, x: counted.append(len(x)))

    def read(batch: Batch) -> Tensor:
        outputs: Tensor = tiny_net(batch.inputs)
        return outputs.reshape(counted[-1], -1, 5)

    scoring, seen = scoring_of(tiny_net, batches_of(3, 2)), Noted()
    walker = walker_over(scoring, read)
    walker.every(None, seen)
    assert walker.why_alone == ""
    assert_equal(seen.reads, alone(scoring, subsets(scoring.units), read))


@pytest.mark.parametrize(("smallest", "up_to"), [(0, None), (0, 0), (1, 2), (2, 2), (3, 3), (0, 9), (4, 9)])
def test_each_subset_is_seen_once(tiny_net: nn.Module, smallest: int, up_to: int | None) -> None:
    scoring, seen = scoring_of(tiny_net, batches_of(2), "attention"), Noted()
    walker_over(scoring).every(up_to, seen, smallest=smallest)
    assert set(seen.reads) == {
        names(gone) for gone in subsets(scoring.units, smallest, min(up_to or 0, 3) if up_to is not None else 3)
    }


def test_units_of_a_set_are_in_order_of_depth(tiny_net: nn.Module) -> None:
    scoring, seen = scoring_of(tiny_net, batches_of(2), "joint"), Noted()
    walker_over(scoring).every(3, seen)
    order = names(scoring.units)
    assert all(list(gone) == sorted(gone, key=order.index) for gone in seen.reads)


def test_a_walk_shares_what_sets_have_in_common(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(4, 4))
    walker = walker_over(scoring)
    walker.untouched()
    before = walker.block_evaluations
    walker.every(None, Noted())
    assert walker.block_evaluations - before == 2 + 4 + 8
    assert before == 3 + 0.5  # the whole network, and the last block once more for the trial on the first batch


def test_a_block_that_is_gone_is_not_counted(tiny_net: nn.Module) -> None:
    walker = walker_over(scoring_of(tiny_net, batches_of(4), "block"))
    before = walker.block_evaluations
    walker.untouched()
    before = walker.block_evaluations
    walker.every(None, Noted())
    assert walker.block_evaluations - before == 1 + 2 + 4


def test_little_memory_changes_nothing_but_the_order(tiny_net: nn.Module) -> None:
    scoring, much, little = scoring_of(tiny_net, batches_of(4, 4, 3), "joint"), Noted(), Noted()
    walker_over(scoring).every(2, much)
    walker_over(scoring, memory=1).every(2, little)
    assert_equal(little.reads, much.reads)


def test_a_set_given_twice_or_in_another_order_is_seen_each_time(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(2))
    a, b, _ = scoring.units
    shown: list[tuple[tuple[str, ...], Tensor]] = []
    walker_over(scoring).each([(a, b), (b, a), (a, b)], lambda gone, _, read: shown.append((names(gone), read)))
    assert [gone for gone, _ in shown] == [names((a, b)), names((b, a)), names((a, b))]
    assert all(torch.equal(read, shown[0][1]) for _, read in shown)


def test_no_sets_are_no_passes(tiny_net: nn.Module) -> None:
    walker_over(scoring_of(tiny_net, batches_of(2))).each([], _never)


def test_no_batches_are_no_passes(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, [])
    walker_over(scoring).each([scoring.units], _never)
    assert walker_over(scoring).untouched() == ()


def _never(gone: Units, index: int, read: Tensor) -> None:
    raise AssertionError((gone, index, read))


def test_nested_sets_share_their_beginnings(tiny_net: nn.Module) -> None:
    scoring, seen = scoring_of(tiny_net, batches_of(4)), Noted()
    nested = [scoring.units[2 - count :] for count in range(3)]
    walker = walker_over(scoring)
    walker.untouched()
    before = walker.block_evaluations
    walker.each(nested, seen)
    assert_equal(seen.reads, alone(scoring, nested))
    assert walker.block_evaluations - before == 3 + (1 + 2 + 2)  # of 9: the deepest two share block 0


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_given_sets_give_the_bits_of_runs_by_themselves(tiny_net: nn.Module, data: st.DataObject) -> None:
    target = data.draw(st.sampled_from(["attention", "mlp", "block", "joint"]))
    scoring, seen = scoring_of(tiny_net, batches_of(2, 1), target), Noted()
    one = st.lists(st.sampled_from(scoring.units), unique_by=lambda unit: unit.name).map(tuple)
    sets: list[Units] = data.draw(st.lists(one, max_size=8, unique_by=names))
    walker_over(scoring, memory=data.draw(st.sampled_from([1, 2**28]))).each(sets, seen)
    assert_equal(seen.reads, alone(scoring, sets))


def test_the_network_is_left_as_it_was(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(2), "joint")
    before = _state(tiny_net)
    walker = walker_over(scoring, class_token_only=True)
    walker.every(2, Noted())
    growing = walker.growing()
    growing.extensions(scoring.units, Noted())
    growing.accept(scoring.units[3])
    assert _state(tiny_net) == before


def test_the_network_is_left_as_it_was_after_an_error(tiny_net: nn.Module) -> None:
    before = _state(tiny_net)

    def stop(gone: Units, index: int, read: Tensor) -> None:
        if len(gone) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walker_over(scoring_of(tiny_net, batches_of(2))).every(None, stop)
    assert _state(tiny_net) == before


def _state(net: nn.Module) -> list[tuple[str, int, list[str], int]]:
    return [
        (name, id(m), sorted(m.__dict__), len(m._forward_hooks) + len(m._forward_pre_hooks))
        for name, m in net.named_modules()
    ]


def test_what_blocks_give_out_may_be_read_wherever_they_lie(tiny_net: nn.Module) -> None:
    def read(batch: Batch) -> Tensor:
        outputs: list[Tensor] = []
        hooks = [
            tiny_net.get_submodule(f"blocks.{depth}").register_forward_hook(lambda _, __, x: outputs.append(x.mean(1)))
            for depth in range(3)
        ]
        try:
            tiny_net(batch.inputs)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.cat(outputs)

    scoring, seen = scoring_of(tiny_net, batches_of(3, 3), "joint"), Noted()
    walker = walker_over(scoring, read)
    walker.every(2, seen)
    assert walker.why_alone == ""
    assert_equal(seen.reads, alone(scoring, subsets(scoring.units, 0, 2), read))


def test_a_network_that_hands_on_more_is_run_set_by_set(tiny_net: nn.Module) -> None:
    beside: list[Tensor] = []
    tiny_net.get_submodule("blocks.0").register_forward_hook(lambda _, __, x: beside.append(x.mean()))

    def read(batch: Batch) -> Tensor:
        beside.clear()
        outputs: Tensor = tiny_net(batch.inputs)
        return outputs + len(beside)

    scoring, seen = scoring_of(tiny_net, batches_of(2)), Noted()
    walker = walker_over(scoring, read)
    walker.every(None, seen)
    assert walker.why_alone == "what is read depends on more than what blocks give out"
    assert_equal(seen.reads, alone(scoring, subsets(scoring.units), read))


def test_a_walker_may_be_told_to_share_nothing(tiny_net: nn.Module) -> None:
    scoring, seen = scoring_of(tiny_net, batches_of(2, 2)), Noted()
    walker = walker_over(scoring, share=False)
    walker.every(1, seen)
    assert walker.why_alone == "each set was asked to run by itself"
    assert walker.block_evaluations == 3 * 4
    assert_equal(seen.reads, alone(scoring, subsets(scoring.units, 0, 1)))


def test_streams_beside_each_other_are_run_set_by_set() -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {
        "img_size": 32,
        "embed_dim": 32,
        "num_heads": 2,
        "depth": 2,
        "num_classes": 10,
        "in_chans": 1,
    }
    net = timm.create_model("cait_xxs24_224", **options).eval()
    scoring, seen = scoring_of(net, batches_of(2, side=32)), Noted()
    walker = walker_over(scoring)
    walker.every(1, seen)
    assert "class attention" in walker.why_alone
    assert_equal(seen.reads, alone(scoring, subsets(scoring.units, 0, 1)))


def test_a_block_that_changes_its_input_in_place_is_told(tiny_net: nn.Module) -> None:
    class Doubling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mul_(2)

    scoring = scoring_of(tiny_net, batches_of(2))
    tiny_net.get_submodule("blocks.1").norm2 = nn.Sequential(Doubling(), nn.LayerNorm(32))
    with pytest.raises(RuntimeError, match=r"block 1 \(Block\) without blocks.1.attn changes its input in place"):
        walker_over(scoring).every(1, Noted())


def test_what_is_read_untouched_is_that_of_the_whole_network(tiny_net: nn.Module) -> None:
    scoring = scoring_of(tiny_net, batches_of(3, 2))
    walker = walker_over(scoring)
    (expected,) = alone(scoring, [()]).values()
    assert all(torch.equal(a, b) for a, b in zip(walker.untouched(), expected, strict=True))
    assert walker.untouched() is walker.untouched()


def test_scoring_units_need_not_be_all_units(tiny_net: nn.Module) -> None:
    whole, seen = scoring_of(tiny_net, batches_of(2)), Noted()
    scoring = Scoring(whole.net, whole.task, whole.units[1:], whole.batches, whole.without, "skip", 0)
    walker_over(scoring).every(None, seen)
    assert_equal(seen.reads, alone(scoring, subsets(scoring.units)))
