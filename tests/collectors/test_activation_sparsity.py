"""Active units against counts by hand, and the facts of "The Lazy Neuron Phenomenon" that are about counting."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from active import converted, images, measured, small
from small_studies import small as study
from small_studies import written
from timm.models.metaformer import MetaFormer
from timm.models.mlp_mixer import MlpMixer
from torch import Tensor, nn

from harness.collectors.activation_sparsity import ActivationSparsity
from harness.collectors.guard import CollectorFault
from harness.collectors.sparse_macs import DenseMacs, SecondLayer, dense_macs
from harness.counting import count_macs
from harness.errors import SpecError
from harness.families.catalogue import sublayers_named
from harness.hidden import hidden_of
from harness.models import create
from harness.plan import make_plan
from harness.study_file import load_study
from harness.surgery import remove
from harness.tasks.base import Batch
from harness.tasks.language_modelling import LanguageModelling
from harness.tasks.texts import TextBatch
from harness.transforms.topk import TopKUnits

OPT = {
    "vocab_size": 32,
    "hidden_size": 16,
    "word_embed_proj_dim": 16,
    "ffn_dim": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 24,
    "init_std": 0.4,
}
TABLE = ((3072, 5.577, 17.564), (512, 0.930, 12.916), (256, 0.465, 12.451), (128, 0.232, 12.219), (64, 0.116, 12.103),
         (32, 0.058, 12.045))  # fmt: skip  # k, second layers, total, of ViT-B/16 at 224 in GMAC


def activations(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """What the MLPs' activations give out, (n, tokens, units)."""
    found: dict[str, Tensor] = {}
    handles = [
        net.get_submodule(one.path).register_forward_hook(lambda _, __, out, name=one.mlp: found.update({name: out}))
        for one in hidden_of(net)
    ]
    with torch.inference_mode():
        net(batch.inputs)
    for handle in handles:
        handle.remove()
    return found


def decoder(**changes: Any) -> nn.Module:
    return create("hf-config:opt", {**OPT, **changes}, {}, seed=0).eval()


def texts(net: nn.Module, items: int = 6) -> TextBatch:
    task = LanguageModelling()
    return task.example(task.input_config(net), items, "cpu")


def test_shares_and_counts_equal_those_by_hand() -> None:
    net, batch = small(), images()
    share = measured(net, [batch])["active_share"]
    maps = activations(net, batch)
    by_hand = {name: float((a > 0).double().mean()) for name, a in maps.items()}
    assert share.by_sublayer == pytest.approx(by_hand)
    assert share.value == pytest.approx(np.mean(list(by_hand.values())))
    for name, a in maps.items():
        told: Any = share.details["mlps"][name]  # type: ignore[index, call-overload]  # JSON
        rates = (a > 0).flatten(0, 1).double().mean(0).numpy()
        per_token = (a > 0).sum(-1)
        assert told["active"] == int(per_token.sum())
        assert told["tokens"] == batch.inputs.shape[0] * 17
        assert (told["least_per_token"], told["most_per_token"]) == (int(per_token.min()), int(per_token.max()))
        assert told["unit_rates"]["10%"] == pytest.approx(np.quantile(rates, 0.1))
        assert told["units_never_active"] == int((rates == 0).sum())


def test_fact_4_half_of_a_fresh_network_is_active() -> None:
    """Zero-mean inputs, Gaussian weights, no bias: 50 % within 3."""
    net = small(embed_dim=64, num_heads=2, depth=2)
    share = measured(net, [images(32)])["active_share"]
    assert share.by_sublayer is not None
    assert all(0.47 < one < 0.53 for one in share.by_sublayer.values())


def test_fact_5_counts_hang_on_no_batch_size_and_no_order() -> None:
    net, whole = small(seed=3), images(16)
    net.double()
    whole = replace(whole, inputs=whole.inputs.double())
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    found = [
        measured(net, batches)
        for batches in ([whole], [whole.at(slice(n, n + 3)) for n in range(0, 16, 3)], [whole.at(order)])
    ]
    assert found[0] == found[1] == found[2]


def test_fact_5_padding_is_no_token() -> None:
    net = decoder()
    batch = texts(net)
    mask = torch.ones_like(batch.inputs, dtype=torch.bool)
    mask[2:, 9:] = False
    task, padded = LanguageModelling(), replace(batch, mask=mask)
    short = [TextBatch(batch.inputs[n : n + 1, :9], batch.targets[n : n + 1, :9]) for n in range(2, 6)]
    alone = [batch.at(slice(0, 2)), *short]
    found, wanted = measured(net, [padded], task), measured(net, alone, task)
    assert found["active_share"].details["mlps"] == wanted["active_share"].details["mlps"]


def test_tokens_that_cannot_be_told_from_padding_are_refused() -> None:
    net = small()
    batch = replace(images(), mask=torch.ones(12, 4, dtype=torch.bool))
    with pytest.raises(CollectorFault, match=r"blocks.0.mlp sees 204 tokens of 48: which of them are padding"):
        measured(net, [batch])


def test_fact_6_the_second_layers_are_reduced_by_one_less_the_mean_share() -> None:
    net, batch = small(), images()
    share, macs = (measured(net, [batch])[name] for name in ("active_share", "macs_sparse"))
    dense = count_macs(net, batch.inputs[:1]).total
    tokens, width, units = 17, 32, 128
    active = {
        name: Fraction(int((a > 0).sum()), a.shape[0] * a.shape[1]) for name, a in activations(net, batch).items()
    }
    second = sum(tokens * width * mean for mean in active.values())
    assert macs.value == float(dense - 3 * tokens * width * units + second)
    assert macs.details["dense"] == dense
    assert macs.details["second_layers"] == float(second)
    assert 1 - second / (3 * tokens * width * units) == 1 - sum(active.values()) / 3 / units
    assert share.value == pytest.approx(float(second / (3 * tokens * width * units)))


def test_fact_8_what_is_zero_or_below_is_never_active() -> None:
    net: Any = small()
    for block in net.blocks:
        block.mlp.fc1.weight.data.zero_()
        block.mlp.fc1.bias.data.fill_(-1.0)
        block.mlp.fc1.bias.data[:32] = 0.0
        block.mlp.fc1.bias.data[32] = 1e-30
    share = measured(net, [images()])["active_share"]
    assert share.value == pytest.approx(1 / 128)


def test_fact_8_gelu_is_refused_or_told_under_another_name() -> None:
    net = small(act_layer=nn.GELU)
    with pytest.raises(CollectorFault, match=r"blocks.0.mlp has GELU; 'relu' among the transforms"):
        ActivationSparsity().probe(net, LanguageModelling())
    found = measured(net, [images()], threshold=0.1)
    assert set(found) == {"share_above"}
    maps = activations(net, images())
    assert found["share_above"].value == pytest.approx(
        np.mean([float((a.abs() > 0.1).float().mean()) for a in maps.values()])
    )
    assert found["share_above"].at == {"threshold": 0.1}


@pytest.fixture(scope="module")
def vit_b() -> DenseMacs:
    with torch.device("meta"):
        net = timm.create_model("vit_base_patch16_224", act_layer=nn.ReLU)
    return dense_macs(net.eval(), hidden_of(net), torch.empty(1, 3, 224, 224, device="meta"))


def test_fact_9_the_cost_table_recomputes(vit_b: DenseMacs) -> None:
    for k, second, total in TABLE:
        active: dict[str, Fraction | int] = dict.fromkeys((one.mlp for one in vit_b.layers), k)
        assert float(vit_b.at_most(k)) == pytest.approx(total * 1e9, rel=1e-3)
        assert float(vit_b.second(active)) == pytest.approx(second * 1e9, abs=5e5)  # printed to the mega
    assert float(vit_b.second() / vit_b.total) == pytest.approx(0.318, abs=5e-4)
    natural = vit_b.sparse({one.mlp: Fraction(63, 1000) * one.width for one in vit_b.layers})
    assert float(natural) == pytest.approx(12.338e9, rel=1e-3)


def test_the_bound_of_a_top_k_is_told_beside_what_fired() -> None:
    macs = measured(TopKUnits(k=5).apply(small()), [images()])["macs_sparse"]
    assert macs.value is not None
    assert macs.value <= macs.details["at_most"] == macs.details["dense"] - 3 * 17 * 32 * (128 - 5)  # type: ignore[operator]  # JSON


def test_mlps_that_are_gone_are_not_counted() -> None:
    net = small()
    whole = measured(net, [images()])["active_share"]
    left = remove(net, sublayers_named(net, ["blocks.2.mlp"]), "skip")
    found = measured(left, [images()])["active_share"]
    assert found.by_sublayer == {name: one for name, one in (whole.by_sublayer or {}).items() if name != "blocks.2.mlp"}


def test_a_relu_decoder_is_measured_token_by_token() -> None:
    net = decoder()
    found = measured(net, [texts(net)], LanguageModelling())
    maps = activations(net, texts(net))
    assert found["active_share"].by_sublayer == pytest.approx(
        {k: float((a > 0).double().mean()) for k, a in maps.items()}
    )
    assert found["macs_sparse"].details["dense"] == count_macs(net, texts(net, 1).inputs).total


def mixer() -> nn.Module:
    return MlpMixer(in_chans=1, img_size=32, patch_size=8, embed_dim=16, num_blocks=2, num_classes=4)


def channels_first() -> nn.Module:
    """MLPs of convolutions 1x1."""
    return MetaFormer(in_chans=1, depths=(1, 1), dims=(8, 16), num_classes=4, mlp_act=nn.GELU, use_mlp_head=False)


def of_this_package() -> nn.Module:
    return create("smlpnet_t", {"img_size": 32, "depths": [1, 1, 1, 1]}, {"num_classes": 4, "in_chans": 1}, seed=0)


@pytest.mark.parametrize("made", [mixer, channels_first, of_this_package])
def test_other_layouts_are_counted_alike(made: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    net, batch = converted(made().eval()), images(2, size=32)
    found = measured(net, [batch], threshold=0.0)["share_above"]  # of a ReLU the same, and no MACs are asked for
    axes = {one.mlp: one.axis for one in hidden_of(net)}
    maps = activations(net, batch)
    assert maps.keys() == axes.keys() == (found.by_sublayer or {}).keys()
    for mlp, a in maps.items():
        told: Any = found.details["mlps"][mlp]  # type: ignore[index, call-overload]  # JSON
        assert told["units"] == a.shape[axes[mlp]]
        assert told["active"] == int((a > 0).sum())
        assert told["tokens"] == a.numel() // told["units"]


def test_counting_leaves_a_network_as_it_was() -> None:
    net = small()
    before = copy.deepcopy(net.state_dict())
    measured(net, [images()])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_nan_is_an_error_and_no_idle_unit() -> None:
    net: Any = small()
    net.blocks[1].mlp.fc1.bias.data[0] = torch.nan
    with pytest.raises(ArithmeticError, match="hidden units on split 'test' hold NaN"):
        measured(net, [images()])


def test_a_second_layer_costs_what_is_active() -> None:
    layer = SecondLayer("a", 197, 3072, 768, 3072)
    assert layer.macs(Fraction(1, 3)) == Fraction(197 * 768, 3)
    dense = DenseMacs(10**9, (layer,))
    assert dense.sparse({"a": 3072}) == 10**9
    assert dense.at_most(1) == 10**9 - 197 * 768 * 3071


@pytest.mark.parametrize(
    ("transforms", "collector", "is_refused"),
    [
        (["none"], "activation_sparsity", True),
        (["none", "relu"], "activation_sparsity", False),
        (["none"], {"name": "activation_sparsity", "threshold": 0.1}, False),
    ],
)
def test_a_study_is_told_before_it_runs(
    transforms: list[str], collector: Any, is_refused: bool, tmp_path: Path
) -> None:
    path = written(tmp_path, study(transforms=transforms, collectors=[collector]))
    if not is_refused:
        assert make_plan(load_study(path), tmp_path).trials
        return
    with pytest.raises(SpecError, match=r"collectors.0: active units are those .* blocks.0.mlp has GELU"):
        make_plan(load_study(path), tmp_path)


def test_an_activation_whose_zeros_are_moved_is_none_that_is_known() -> None:
    net = MetaFormer(in_chans=1, depths=(1,), dims=(8,), num_classes=4)
    with pytest.raises(CollectorFault, match=r"blocks.0.mlp cannot be told: it has no activation that is a module"):
        ActivationSparsity().probe(net, LanguageModelling())
