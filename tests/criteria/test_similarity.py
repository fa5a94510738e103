"""Cosine scores against numpy on a hand-written forward pass, and the facts that hold for every network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import timm
import torch
from scorings import Array, scoring_of, split, streams, without_class_token
from torch import Tensor, nn

from harness.criteria.layouts import as_tokens, tokens_of
from harness.criteria.similarity import Similarity
from harness.errors import SpecError
from harness.families.base import Sublayer, Unit
from harness.streams import tapped
from harness.tasks.base import Batch


def one_minus_cosine(x: Array, y: Array) -> float:
    """1 - mean cosine over all leading axes, in float64."""
    lengths = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    return float(1 - ((x * y).sum(-1) / lengths).mean())


def expected(net: nn.Module, inputs: Tensor, target: str, tokens: slice) -> dict[str, float]:
    """Scores of a target by their definition, over these tokens."""
    flow = [(name, x[:, tokens].double().numpy(), y[:, tokens].double().numpy()) for name, x, y in streams(net, inputs)]
    if target == "block":
        pairs = zip(flow[::2], flow[1::2], strict=True)
        return {a.rpartition(".")[0]: one_minus_cosine(x, y) for (a, x, _), (_, _, y) in pairs}
    core = {"attention": ".attn", "mlp": ".mlp"}[target]
    return {name: one_minus_cosine(x, y) for name, x, y in flow if name.endswith(core)}


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
@pytest.mark.parametrize(
    ("tokens", "kept"), [("all", slice(None)), ("class", slice(1)), ("patch", slice(1, None))], ids=str
)
def test_scores_are_those_that_numpy_finds(
    tiny_net: nn.Module, batch: Batch, target: str, tokens: str, kept: slice
) -> None:
    found = Similarity.model_validate({"tokens": tokens}).scores(scoring_of(tiny_net, [batch], target))
    assert found == pytest.approx(expected(tiny_net, batch.inputs, target, kept), abs=1e-6)


def silence(net: nn.Module, path: str) -> None:
    """The branch of this attention gives zero from now on."""
    projection: Any = net.get_submodule(f"{path}.proj")
    nn.init.zeros_(projection.weight)
    nn.init.zeros_(projection.bias)


def test_a_unit_that_adds_nothing_scores_zero(tiny_net: nn.Module, batch: Batch) -> None:
    silence(tiny_net, "blocks.1.attn")
    scores = Similarity().scores(scoring_of(tiny_net, [batch]))
    assert scores["blocks.1.attn"] == pytest.approx(0, abs=1e-6)
    assert min(scores["blocks.0.attn"], scores["blocks.2.attn"]) > 1e-4


def test_rounding_takes_no_score_below_zero(tiny_net: nn.Module, batch: Batch) -> None:
    silence(tiny_net, "blocks.1.attn")
    alone = [Similarity(tokens="class").scores(scoring_of(tiny_net, [item])) for item in split(batch, 1)]
    assert min(scores["blocks.1.attn"] for scores in alone) >= 0


def rescaled(net: nn.Module, factor: float) -> None:
    """From now on the last block gives `factor` times its input or output."""

    def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return factor * (output if factor > 0 else inputs[0])

    net.get_submodule("blocks.2").register_forward_hook(hook)


def test_scaling_what_leaves_a_unit_leaves_its_score(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [batch], "block")
    before = Similarity().scores(scoring)["blocks.2"]
    rescaled(tiny_net, 7.5)
    assert Similarity().scores(scoring)["blocks.2"] == pytest.approx(before, abs=1e-6)


def test_a_unit_that_turns_the_stream_round_scores_two(tiny_net: nn.Module, batch: Batch) -> None:
    rescaled(tiny_net, -1.0)
    assert Similarity().scores(scoring_of(tiny_net, [batch], "block"))["blocks.2"] == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("size", [1, 5])
def test_the_size_of_batches_does_not_matter(tiny_net: nn.Module, batch: Batch, size: int) -> None:
    whole = Similarity().scores(scoring_of(tiny_net, [batch]))
    assert Similarity().scores(scoring_of(tiny_net, split(batch, size))) == pytest.approx(whole, abs=1e-6)


def test_the_order_of_items_does_not_matter(tiny_net: nn.Module, batch: Batch) -> None:
    turned = Batch(batch.inputs.flip(0), batch.targets.flip(0))
    forward, backward = scoring_of(tiny_net, [batch]), scoring_of(tiny_net, [turned])
    assert Similarity().scores(backward) == pytest.approx(dict(Similarity().scores(forward)), abs=1e-6)


def test_a_network_without_a_class_token_cannot_be_scored_on_it(batch: Batch) -> None:
    scoring = scoring_of(without_class_token(), [batch])
    with pytest.raises(SpecError, match="VisionTransformer has no class token; 'all', 'patch' or 'used' would do"):
        Similarity(tokens="class").scores(scoring)
    assert Similarity(tokens="patch").scores(scoring) == Similarity().scores(scoring)


def test_hooks_are_gone_after_an_error(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [Batch(batch.inputs[:, :, :3], batch.targets)])
    with pytest.raises(AssertionError, match="Input height"):
        Similarity().scores(scoring)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in tiny_net.modules())


def test_items_is_how_much_of_the_calibration_part_is_read() -> None:
    assert (Similarity().calibration_items, Similarity(items=64).calibration_items) == (None, 64)


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
def test_without_the_residual_the_branch_alone_is_compared(tiny_net: nn.Module, batch: Batch, target: str) -> None:
    flow = [(name, x.double().numpy(), y.double().numpy()) for name, x, y in streams(tiny_net, batch.inputs)]
    if target == "block":
        flow = [(a.rpartition(".")[0], x, y) for (a, x, _), (_, _, y) in zip(flow[::2], flow[1::2], strict=True)]
    core = {"attention": ".attn", "mlp": ".mlp", "block": ""}[target]
    wanted = {name: one_minus_cosine(x, y - x) for name, x, y in flow if name.endswith(core)}
    found = Similarity(residual=False).scores(scoring_of(tiny_net, [batch], target))
    assert found == pytest.approx(wanted, abs=1e-5)


def test_without_the_residual_a_branch_that_gives_zero_scores_one(tiny_net: nn.Module, batch: Batch) -> None:
    silence(tiny_net, "blocks.1.attn")
    assert Similarity(residual=False).scores(scoring_of(tiny_net, [batch]))["blocks.1.attn"] == 1.0


def test_joint_scores_are_those_of_each_kind(tiny_net: nn.Module, batch: Batch) -> None:
    joint, attention, mlp = (
        Similarity().scores(scoring_of(tiny_net, [batch], target)) for target in ("joint", "attention", "mlp")
    )
    assert joint == {**attention, **mlp}


@pytest.mark.parametrize("target", ["attention", "mlp", "block"])
def test_used_leaves_out_what_the_last_block_writes_for_nobody(tiny_net: nn.Module, batch: Batch, target: str) -> None:
    scoring = scoring_of(tiny_net, [batch], target)
    whole, alone, used = (Similarity.model_validate({"tokens": t}).scores(scoring) for t in ("all", "class", "used"))
    *earlier, last = (unit.name for unit in scoring.units)
    assert used == {**{name: whole[name] for name in earlier}, last: alone[last]}
    assert whole[last] != alone[last]


def test_used_follows_the_network_as_it_stands(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [batch])
    with scoring.without(scoring.units[2:]):
        left = replace(scoring, units=scoring.units[:2])
        used, alone = (Similarity.model_validate({"tokens": tokens}).scores(left) for tokens in ("used", "class"))
    assert used["blocks.1.attn"] == alone["blocks.1.attn"]  # no attention is left that reads its other tokens
    assert used["blocks.0.attn"] != alone["blocks.0.attn"]


def test_where_the_head_reads_the_mean_every_token_is_used(batch: Batch) -> None:
    scoring = scoring_of(without_class_token(), [batch], "block")
    assert Similarity(tokens="used").scores(scoring) == Similarity().scores(scoring)


def test_used_can_be_told_in_inference_mode(tiny_net: nn.Module, batch: Batch) -> None:
    expected = Similarity(tokens="used").scores(scoring_of(tiny_net, [batch]))
    with torch.inference_mode():
        copied = Batch(batch.inputs.clone(), batch.targets)
        assert Similarity(tokens="used").scores(scoring_of(tiny_net, [copied])) == expected
    assert all(parameter.grad is None for parameter in tiny_net.parameters())


def test_registers_are_neither_class_token_nor_patch(batch: Batch) -> None:
    net = without_class_token(class_token=True, global_pool="token", reg_tokens=3)
    scoring = scoring_of(net, [batch], "mlp")
    for tokens, chosen in (("class", slice(1)), ("patch", slice(4, None))):
        found = Similarity.model_validate({"tokens": tokens}).scores(scoring)
        assert found == pytest.approx(expected(net, batch.inputs, "mlp", chosen), abs=1e-6)


def test_registers_alone_are_no_class_token(batch: Batch) -> None:
    scoring = scoring_of(without_class_token(reg_tokens=2), [batch])
    with pytest.raises(SpecError, match="has no class token"):
        Similarity(tokens="class").scores(scoring)


def test_a_stream_that_the_class_token_joins_later_has_none(batch: Batch) -> None:
    import timm

    torch.manual_seed(0)
    shape: dict[str, Any] = {"img_size": 8, "patch_size": 2, "embed_dim": 32, "num_heads": 2, "depth": 2}
    net = timm.create_model("cait_xxs24_224", num_classes=10, in_chans=1, depth_token_only=1, **shape).eval()
    scoring = scoring_of(net, [batch], "mlp")
    early = replace(scoring, units=scoring.units[:2])
    with pytest.raises(SpecError, match=r"the stream of blocks\.0\.mlp holds no class token; 'all' would do"):
        Similarity(tokens="class").scores(early)
    assert Similarity(tokens="patch").scores(early) == Similarity().scores(early)


def test_both_layouts_of_a_map_give_the_same_tokens() -> None:
    maps = torch.randn(4, 6, 5, 5, generator=torch.Generator().manual_seed(4))
    last, first = as_tokens(maps.movedim(1, -1), 6, False, "here"), as_tokens(maps, 6, True, "here")
    assert torch.equal(last, first)
    assert torch.equal(first[1, 7], maps[1, :, 1, 2])  # row by row


@pytest.mark.parametrize("is_first", [False, True])
def test_a_map_that_is_as_wide_as_its_width_is_read_as_its_layer_reads_it(is_first: bool) -> None:
    maps = torch.randn(2, 5, 5, 5, generator=torch.Generator().manual_seed(4))
    expected = maps.movedim(1, -1) if is_first else maps
    assert torch.equal(as_tokens(maps, 5, is_first, "here"), expected.flatten(1, 2))


def test_a_stream_whose_width_is_no_axis_cannot_be_read() -> None:
    with pytest.raises(SpecError, match=r"here: no axis of \(2, 5, 4, 4\) is the width, 6"):
        as_tokens(torch.zeros(2, 5, 4, 4), 6, False, "here")


@pytest.mark.parametrize(
    ("name", "target"),
    [("convnext_atto", "block"), ("swin_tiny_patch4_window7_224", "attention"), ("poolformer_s12", "mlp")],
)
def test_places_of_maps_are_tokens_in_every_layout(name: str, target: str) -> None:
    import timm

    torch.manual_seed(0)
    net = timm.create_model(name, num_classes=10).eval()
    scoring = scoring_of(net, [Batch(torch.randn(1, 3, 224, 224), torch.arange(1))], target)
    found = Similarity().scores(replace(scoring, units=scoring.units[:1]))
    unit = scoring.units[0]
    axis = -1 if name.startswith("swin") else 1
    seen: list[tuple[Array, Array]] = []

    def keep(_: Unit, x: Tensor, added: Tensor) -> None:
        seen.append((x.movedim(axis, -1).double().numpy(), (x + added).movedim(axis, -1).double().numpy()))

    with torch.inference_mode(), tapped(net, [unit], keep):
        net(scoring.batches[0].inputs)
    assert found == pytest.approx({unit.name: one_minus_cosine(*seen[0])}, abs=1e-5)


@pytest.mark.parametrize("size", [16, 5])
def test_a_run_is_scored_from_the_input_of_its_first_block_to_the_output_of_its_last(
    tiny_net: nn.Module, batch: Batch, size: int
) -> None:
    flow = [(x.double().numpy(), y.double().numpy()) for _, x, y in streams(tiny_net, batch.inputs)]
    entering, leaving = [x for x, _ in flow[::2]], [y for _, y in flow[1::2]]
    wanted = {
        tuple(f"blocks.{depth}" for depth in range(first, last + 1)): one_minus_cosine(entering[first], leaving[last])
        for first in range(3)
        for last in range(first, 3)
        if last - first < 2
    }
    found = Similarity().span_scores(scoring_of(tiny_net, split(batch, size), "block"))
    assert found == pytest.approx(wanted, abs=1e-6)


def test_a_run_of_one_is_a_block(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [batch], "block")
    runs, alone = Similarity().span_scores(scoring), Similarity().scores(scoring)
    assert {names[0]: score for names, score in runs.items() if len(names) == 1} == alone


def test_blocks_with_a_gap_between_them_are_no_run(tiny_net: nn.Module, batch: Batch) -> None:
    scoring = scoring_of(tiny_net, [batch], "block")
    apart = replace(scoring, units=(scoring.units[0], scoring.units[2]))
    assert set(Similarity().span_scores(apart)) == {("blocks.0",), ("blocks.2",)}


def test_no_run_crosses_a_change_of_shape() -> None:
    import timm

    torch.manual_seed(0)
    net = timm.create_model("convnext_atto", num_classes=10).eval()
    found = Similarity().span_scores(scoring_of(net, [Batch(torch.randn(2, 3, 64, 64), torch.arange(2))], "block"))
    stages = [{name.split(".")[1] for name in names} for names in found]
    assert len(found) == sum(n * (n + 1) // 2 for n in (2, 2, 6, 2))
    assert all(len(stage) == 1 for stage in stages)


def test_a_run_is_of_whole_blocks(tiny_net: nn.Module, batch: Batch) -> None:
    with pytest.raises(SpecError, match=r"a run is of whole blocks, which blocks\.0\.attn is not"):
        Similarity().span_scores(scoring_of(tiny_net, [batch]))
    with pytest.raises(SpecError, match="residual: a run of blocks is scored by its stream"):
        Similarity(residual=False).span_scores(scoring_of(tiny_net, [batch], "block"))


def test_no_option_enters_the_identity_at_its_default() -> None:
    assert Similarity().identity() == {"name": "similarity"}


def test_a_width_is_told_by_what_is_as_long_as_an_axis() -> None:
    net = nn.Module()
    net.block = nn.Module()
    net.block.attn = nn.Module()
    net.block.attn.scale, net.block.attn.proj = nn.Parameter(torch.ones(3)), nn.Linear(6, 6)
    unit = Unit("block.attn", "attention", 0, (Sublayer("block.attn", "attention", 0, "block", ("attn",)),))
    maps = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(4))
    assert torch.equal(tokens_of(net, unit, maps), maps.flatten(1, 2))
    with pytest.raises(SpecError, match=r"block\.attn: no axis of its stream \(2, 4, 5, 7\) is as wide as anything"):
        tokens_of(net, unit, torch.zeros(2, 4, 5, 7))


def test_where_the_outputs_depend_on_nothing_no_token_is_used(tiny_net: nn.Module, batch: Batch) -> None:
    nn.init.zeros_(tiny_net.get_submodule("head").weight)  # type: ignore[arg-type]  # timm's modules are untyped
    with pytest.raises(SpecError, match=r"tokens: the outputs depend on nothing that blocks\.0\.attn gives; 'all'"):
        Similarity(tokens="used").scores(scoring_of(tiny_net, [batch]))


def test_a_block_that_is_given_patches_as_items_is_scored_on_its_stream() -> None:
    net = timm.create_model("mobilevit_xxs", num_classes=5).eval()
    inputs = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    scoring = scoring_of(net, [Batch(inputs, torch.zeros(2, dtype=torch.int64))], "block")
    seen: dict[str, float] = {}

    def score(name: str, x: Tensor, y: Tensor) -> None:
        seen[name] = one_minus_cosine(x.double().numpy(), y.double().numpy())

    hooks = [
        net.get_submodule(unit.name).register_forward_hook(
            lambda _, given, output, name=unit.name: score(name, given[0], output)
        )
        for unit in scoring.units
    ]
    with torch.inference_mode():
        net(inputs)
    for hook in hooks:
        hook.remove()
    assert Similarity().scores(scoring) == pytest.approx(seen, abs=1e-6)
