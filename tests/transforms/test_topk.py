"""Top-k in every MLP: the facts of "The Lazy Neuron Phenomenon" (arXiv 2210.06313) that are about it, and refusals."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from small_studies import small, written
from torch import Tensor

from harness.counting import count_macs
from harness.errors import SpecError
from harness.families.catalogue import family_of
from harness.hidden import hidden_of
from harness.models import create
from harness.plan import make_plan
from harness.schema import Options
from harness.study_file import load_study
from harness.surgery import remove
from harness.top_k import TopK, kept
from harness.transforms.base import transforms
from harness.transforms.relu import ReluConversion
from harness.transforms.topk import TopKUnits

SHAPE: dict[str, Any] = {"img_size": 8, "patch_size": 2, "embed_dim": 32, "num_heads": 2, "depth": 2}
DECODER: Options = {"vocab_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 24}
OPT: Options = {**DECODER, "hidden_size": 16, "word_embed_proj_dim": 16, "ffn_dim": 32}
LLAMA: Options = {**DECODER, "hidden_size": 16, "intermediate_size": 32}


def net_of(act: str = "relu") -> Any:
    return create("deit_tiny_patch16_224", {**SHAPE, "act_layer": act}, {"num_classes": 10, "in_chans": 1}, seed=0)


def inputs(n: int = 3) -> Tensor:
    return torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def maps() -> Tensor:
    """Hidden units before the ReLU: (items, tokens, units)."""
    return torch.randn(4, 9, 64, generator=torch.Generator().manual_seed(2))


def test_fact_1_k_of_all_units_or_of_all_that_fire_is_the_dense_network(maps: Tensor) -> None:
    net, dense = net_of(), net_of()
    with torch.inference_mode():
        assert torch.equal(TopKUnits(k=128).apply(net)(inputs()), dense(inputs()))
    most = int((maps > 0).sum(-1).max())
    assert torch.equal(TopK(most)(maps), maps.relu())
    assert not torch.equal(TopK(most - 1)(maps), maps.relu())


def test_fact_2_at_most_k_units_fire_and_they_are_the_largest(maps: Tensor) -> None:
    found = TopK(7)(maps)
    assert (found > 0).sum(-1).eq(7).all()
    largest = maps.relu().sort(dim=-1, descending=True).values
    assert torch.equal(found.sort(dim=-1, descending=True).values[..., :7], largest[..., :7])
    assert torch.equal(found[found > 0], maps[found > 0])
    few = maps - 2.0  # hardly any unit is positive
    assert torch.equal(TopK(7)(few).count_nonzero(dim=-1), (few > 0).sum(-1).clamp(max=7))


def test_of_equal_units_exactly_k_stay() -> None:
    assert kept(torch.ones(2, 5, 8), 3).sum(-1).eq(3).all()


@pytest.mark.parametrize("k", [None, 5])
def test_fact_3_the_columns_of_active_units_give_what_all_give(maps: Tensor, k: int | None) -> None:
    v = torch.randn(16, 64, generator=torch.Generator().manual_seed(3))
    a = maps.relu() if k is None else TopK(k)(maps)
    for token in a.flatten(0, 1):
        active = token.nonzero().flatten()
        torch.testing.assert_close(v[:, active] @ token[active], v @ token, rtol=1e-5, atol=1e-5)


def test_fact_7_positive_factors_change_no_choice(maps: Tensor) -> None:
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(4)).double()
    x = maps.double()
    whole = TopK(7)(x @ weight) > 0
    for factor in (0.25, 3.0):
        assert torch.equal(TopK(7)(factor * x @ weight) > 0, whole)


def test_gradients_flow_through_what_stays_alone(maps: Tensor) -> None:
    x = maps.clone().requires_grad_()
    found = TopK(7)(x)
    found.backward(torch.full_like(found, 2.0))
    assert x.grad is not None
    assert torch.equal(x.grad, 2.0 * (found > 0))


def test_units_may_come_first(maps: Tensor) -> None:
    channels_first = maps.movedim(-1, 1)
    assert torch.equal(TopK(7, axis=1)(channels_first), TopK(7)(maps).movedim(-1, 1))


def test_every_mlp_has_it_in_training_and_after_and_weights_keep_their_names() -> None:
    plain = net_of().train()
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    net: Any = TopKUnits(k=4).apply(plain)
    assert [type(block.mlp.act).__name__ for block in net.blocks] == ["TopK", "TopK"]
    assert all(block.mlp.act.training for block in net.blocks)
    assert before.keys() == net.state_dict().keys()
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items())
    net(inputs()).sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in net.parameters())


def test_the_dense_kernel_still_costs_what_it_cost() -> None:
    net = net_of()
    dense = count_macs(net, inputs(1))
    sparse = count_macs(TopKUnits(k=4).apply(copy.deepcopy(net)), inputs(1))
    assert (sparse.total, sparse.uncounted, sparse.read_by) == (dense.total, (), ())


def test_a_relu_decoder_has_it_too() -> None:
    net: Any = TopKUnits(k=3).apply(create("hf-config:opt", {**OPT}, {}, seed=0))
    found: list[Tensor] = []
    net.model.decoder.layers[1].activation_fn.register_forward_hook(lambda _, __, out: found.append(out))
    with torch.inference_mode():
        net(torch.arange(12)[None])
    assert int((found[0] > 0).sum(-1).max()) <= 3


@pytest.mark.parametrize(
    ("made", "k", "words"),
    [
        (
            lambda: net_of("gelu"),
            4,
            r"keeps the largest outputs of a ReLU, and blocks.0.mlp has GELU; put 'relu' before",
        ),
        (net_of, 129, r"k is 129, and blocks.0.mlp has 128 hidden units; 1 to 128 would do"),
        (lambda: TopKUnits(k=4).apply(net_of()), 4, r"blocks.0.mlp keeps its largest hidden units already"),
        (lambda: create("hf-config:llama", {**LLAMA, "hidden_act": "relu"}, {}), 4, r"multiplies its activation with"),
        (lambda: timm.create_model("convnext_atto"), 4, r"the network has no MLP"),
    ],
    ids=["gelu", "wide", "twice", "gated", "no_mlp"],
)
def test_a_network_that_cannot_have_it_is_refused_in_words(made: Any, k: int, words: str) -> None:
    with pytest.raises(SpecError, match=f"transforms.topk: .*{words}"):
        TopKUnits(k=k).apply(made())


def test_it_starts_where_a_network_is_trained() -> None:
    made = transforms.create({"name": "topk", "k": 16})
    assert (made.starts, made.identity(), made.reads_values) == ("prepare", {"name": "topk", "k": 16}, False)


def test_relu_takes_the_place_of_any_activation_and_weights_stay() -> None:
    net = net_of("gelu")
    before = copy.deepcopy(net.state_dict())
    net = ReluConversion().apply(net)
    assert {one.activation for one in hidden_of(net)} == {"ReLU"}
    assert before.keys() == net.state_dict().keys()
    same = net_of("relu")
    same.load_state_dict(before)
    with torch.inference_mode():
        assert torch.equal(net(inputs()), same(inputs()))


def test_relu_twice_is_refused_in_words() -> None:
    with pytest.raises(SpecError, match=r"transforms.relu: every MLP has a ReLU already; leave it out"):
        ReluConversion().apply(ReluConversion().apply(net_of("gelu")))


def test_decoders_are_converted_or_built_with_relu() -> None:
    of_opt: Options = {**OPT, "activation_function": "gelu"}
    for architecture, options in (("hf-config:llama", LLAMA), ("hf-config:opt", of_opt)):
        net = ReluConversion().apply(create(architecture, options, {}, seed=0))
        assert all(one.is_relu for one in hidden_of(net))
    built = create("hf-config:gpt2", {"n_embd": 16, "n_head": 2, "n_layer": 1, "activation_function": "relu"}, {})
    assert [one.is_relu for one in hidden_of(built)] == [True]


@pytest.mark.parametrize("name", ["relu", "hard_swish"])
def test_an_activation_is_an_option_by_its_name(name: str) -> None:
    """Mixers want a class, which no study can write."""
    with torch.device("meta"):
        net = create("mixer_s32_224", {"act_layer": name}, {}, device="meta")
    assert {one.is_relu for one in hidden_of(net)} == {name == "relu"}


def test_an_unknown_activation_is_told_with_those_that_are_known() -> None:
    with pytest.raises(SpecError, match=r"options.act_layer: unknown activation 'rlu'; did you mean 'relu'"):
        create("mixer_s32_224", {"act_layer": "rlu"}, {}, device="meta")


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([{"name": "topk", "k": 8}], r"transforms.1: topk: keeps the largest outputs .* \(model 'tiny'\)"),
        ([{"name": "topk", "k": 8}, "relu"], r"transforms.1: topk: keeps the largest"),
        (["relu", {"name": "topk", "k": 129}], r"transforms.1: topk: k is 129, and blocks.0.mlp has 128 hidden units"),
        ([{"name": "relu", "from": "evaluate"}, {"name": "topk", "k": 8}], r"topk: keeps the largest outputs"),
        (["relu", "relu"], r"'relu' is in this chain already"),
        (["relu", {"name": "topk", "k": 0}], r"k"),
        (["relu", {"name": "topk", "k": 8}], ""),
        ([{"name": "topk", "k": 8, "from": "evaluate"}, "relu"], ""),  # relu is there first
    ],
    ids=str,
)
def test_a_study_is_told_before_it_runs(chain: list[Any], words: str, tmp_path: Path) -> None:
    path = written(tmp_path, small(transforms=["none", chain], targets=["mlp"]))
    if not words:
        assert make_plan(load_study(path), tmp_path).trials
        return
    with pytest.raises(SpecError, match=words):
        make_plan(load_study(path), tmp_path)


def test_what_was_removed_needs_no_budget() -> None:
    net = net_of()
    sublayers = family_of(net).sublayers(net)
    one_block = remove(net, [one for one in sublayers if one.block == sublayers[0].block], "skip")
    assert [one.mlp for one in hidden_of(TopKUnits(k=4).apply(one_block))] == ["blocks.1.mlp"]
    whole = net_of("gelu")
    none_left = remove(whole, [one for one in family_of(whole).sublayers(whole) if one.kind == "mlp"], "skip")
    assert hidden_of(ReluConversion().apply(none_left)) == ()


def test_behind_a_norm_no_zero_is_a_zero() -> None:
    net = net_of()
    net.blocks[0].mlp.norm = torch.nn.LayerNorm(128)
    with pytest.raises(SpecError, match="a LayerNorm stands between its activation and its last linear layer"):
        TopKUnits(k=4).apply(net)
