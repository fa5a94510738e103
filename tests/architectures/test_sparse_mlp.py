"""Sparse-MLP against einsum and timm: facts 4, 5, 9 and 10 of its sheet, and the counts of its tables."""

from __future__ import annotations

import re
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm

import harness.architectures  # noqa: F401  # registers the networks
from harness.architectures.sparse_mlp import TABLE, SparseMlp
from harness.counting import count_macs
from harness.errors import DeviceError, HarnessError
from harness.models import create
from harness.schema import Options
from harness.training.circle import Circle

SMALL: Options = {
    "img_size": 32,
    "patch_size": 8,
    "embed_dim": 12,
    "tokens_dim": 10,
    "channels_dim": 20,
    "depth": 1,
    "sparse_depth": 2,
    "token_experts": 3,
    "inner_tokens_dim": 14,
    "inner_channels_dim": 18,
}
TASK: Options = {"num_classes": 5, "in_chans": 1}
INPUTS = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))


def net_of(**changes: Any) -> SparseMlp:
    """A small network, its weights moved so that no norm is neutral and its gates tell items apart."""
    net: Any = create("sparse_mlp_b", {**SMALL, **changes}, TASK)
    chance = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=chance))
    return net  # type: ignore[no-any-return]  # what is created is known by name alone


def weightless(name: str, **options: Any) -> Any:
    with torch.device("meta"):
        return timm.create_model(name, **options).eval()


def params(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


# The network again, by einsum and without a module's forward.
def _norm(m: Any, x: Tensor) -> Tensor:
    return layer_norm(x, x.shape[-1:], m.weight, m.bias, m.eps)


def _mlp(m: Any, z: Tensor) -> Tensor:
    hidden = gelu(torch.einsum("...i,hi->...h", z, m.fc1.weight) + m.fc1.bias)
    given: Tensor = torch.einsum("...h,oh->...o", hidden, m.fc2.weight) + m.fc2.bias
    return given


def _mixture(m: Any, z: Tensor) -> Tensor:
    """Every expert on every item, weighted by the kept probabilities."""
    if not hasattr(m, "gate"):
        return _mlp(m, z)
    chances = torch.einsum("...i,ni->...n", z, m.gate.weight).softmax(-1)
    smallest = chances.sort(dim=-1, descending=True).values[..., m.gate.top_k - 1, None]
    kept = torch.where(chances >= smallest, chances, 0)
    return torch.einsum("...n,...no->...o", kept, torch.stack([_mlp(e, z) for e in m.experts], dim=-2))


def _mixer(m: Any, x: Tensor) -> Tensor:
    columns = torch.einsum("nsc->ncs", _norm(m.norm1, x))
    x = x + torch.einsum("ncs->nsc", _mixture(m.mlp_tokens, columns))
    return x + _mixture(m.mlp_channels, _norm(m.norm2, x))


def _steps(m: Any, x: Tensor) -> Tensor:
    for step in m:
        over = "nsc,ts->ntc" if type(step).__name__ == "TokenStep" else "nsc,dc->nsd"
        bias = step.linear.bias[:, None] if over.endswith("ntc") else step.linear.bias
        x = gelu(torch.einsum(over, _norm(step.norm, x), step.linear.weight) + bias)
    return x


def by_einsum(net: Any, inputs: Tensor) -> Tensor:
    side = net.options.patch_size
    n, channels, height, width = inputs.shape
    patches = inputs.view(n, channels, height // side, side, width // side, side)
    x = torch.einsum("ncaibj,dcij->nabd", patches, net.stem.proj.weight).flatten(1, 2) + net.stem.proj.bias
    for block in net.blocks:
        if hasattr(block, "represent") and net.options.re_represent:
            x = _steps(block.restore, _mixer(block, _steps(block.represent, x)))
        else:
            x = _mixer(block, x)
    logits: Tensor = torch.einsum("nc,kc->nk", _norm(net.norm, x).mean(1), net.head.weight) + net.head.bias
    return logits


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sparse_at": "first"},
        {"sparse_depth": 0},
        {"re_represent": False},
        {"has_channel_experts": False, "inner_tokens": 9, "inner_dim": 12},
        {"token_top_k": 2, "channel_top_k": 1},
    ],
    ids=str,
)
def test_the_network_is_that_of_the_equations(changes: dict[str, Any]) -> None:
    net = net_of(**changes)
    with torch.no_grad():
        torch.testing.assert_close(net(INPUTS), by_einsum(net, INPUTS), rtol=1e-4, atol=1e-5)


def test_fact_4_token_experts_route_channels_and_channel_experts_route_tokens() -> None:
    block: Any = net_of().blocks[-1]
    seen: dict[str, tuple[int, ...]] = {}
    for name in ("mlp_tokens", "mlp_channels"):
        gate = block.get_submodule(name).gate
        gate.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: tuple(given[0].shape)}))
    with torch.no_grad():
        block(torch.randn(3, 16, 12))
    assert seen == {"mlp_tokens": (3 * 6, 32), "mlp_channels": (3 * 32, 6)}  # items and their length: C', S'; S', C'


def test_fact_5_re_represent_layers_restore_the_shape_and_nothing_bypasses_them() -> None:
    block: Any = net_of().blocks[-1]
    x = torch.randn(3, 16, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        inner = block.represent(x)
        assert inner.shape == (3, 32, 6)
        assert block.restore(inner).shape == x.shape
        first, last = block.represent[-1].linear, block.restore[-1].linear
        last.weight.zero_(), last.bias.zero_()
        assert not block(x).any()
        last.weight.normal_(), first.weight.zero_()
        assert torch.equal(block(x), block(x + 1))  # nothing of x is left behind the first


def test_fact_9_without_sparse_blocks_it_is_the_mixer_of_timm() -> None:
    options: dict[str, Any] = {"img_size": 32, "in_chans": 1, "num_classes": 5}
    theirs: Any = timm.create_model("mixer_s16_224", **options).eval()
    ours: Any = timm.create_model("sparse_mlp_mixer_s", **options).eval()
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(ours(INPUTS), theirs(INPUTS))
    assert params(weightless("sparse_mlp_mixer_b")) == params(weightless("mixer_b16_224")) == 59_880_472
    assert params(weightless("sparse_mlp_b", depth=12, sparse_depth=0)) == 59_880_472


# Of section 5 of the sheet: parameters in millions with and without head, active GMACs, parameters of a sparse block.
RECONSTRUCTED: dict[str, tuple[str, dict[str, int], tuple[float, float, float, float | None]]] = {
    "Mixer-S": ("sparse_mlp_mixer_s", {}, (18.53, 18.02, 3.78, None)),
    "Mixer-B": ("sparse_mlp_mixer_b", {}, (59.88, 59.11, 12.60, None)),
    "Mixer-L": ("sparse_mlp_mixer_l", {}, (208.20, 207.17, 44.55, None)),
    "Sparse-S": ("sparse_mlp_s", {}, (22.92, 22.40, 5.48, 4.396)),
    "Sparse-B": ("sparse_mlp_b", {}, (70.75, 69.98, 13.54, 10.309)),
    "Sparse-L": ("sparse_mlp_l", {}, (131.21, 130.44, 17.49, 15.139)),
    "Sparse-B, last four": ("sparse_mlp_b", {"depth": 8, "sparse_depth": 4}, (81.61, 80.84, 14.47, 10.309)),
}


@pytest.mark.parametrize(("name", "options", "expected"), RECONSTRUCTED.values(), ids=RECONSTRUCTED)
def test_fact_10_counts_are_those_of_the_tables(
    name: str, options: dict[str, int], expected: tuple[float, float, float, float | None]
) -> None:
    net = weightless(name, **options)
    count = count_macs(net, torch.empty(1, 3, 224, 224, device="meta"))
    assert (count.uncounted, count.read_by) == ((), ())
    found = (params(net) / 1e6, (params(net) - params(net.head)) / 1e6, count.total / 1e9)
    assert tuple(round(number, 2) for number in found) == expected[:3]
    if expected[3] is not None:
        assert round(params(net.blocks[-1]) / 1e6, 3) == expected[3]


def test_fact_10_macs_of_a_sparse_block_are_those_of_the_sheet() -> None:
    net = weightless("sparse_mlp_b")
    by_module = count_macs(net, torch.empty(1, 3, 224, 224, device="meta")).by_module
    block = net.blocks[-1]
    gate = block.mlp_tokens.gate.weight.numel() * 384
    parts = [by_module[f"blocks.11.{name}"] / 1e9 for name in ("represent", "restore", "mlp_tokens", "mlp_channels")]
    assert (round(parts[0] + parts[1], 3), round(parts[2], 3), round(parts[3], 3)) == (0.349, 0.232, 0.925)
    assert round(gate / 1e6, 1) == 1.2
    assert (round(by_module["blocks.11"] / 1e9, 3), round(by_module["blocks.0"] / 1e9, 3)) == (1.507, 1.040)


def test_fact_10_active_macs_depend_on_the_number_of_experts_by_the_gate_alone() -> None:
    few, many = (count_macs(net_of(token_experts=n), INPUTS[:1]).total for n in (2, 16))
    assert many - few == 2 * (16 - 2) * 6 * 32  # blocks, experts, channels routed, tokens of each


def test_macs_are_those_of_the_items_that_are_routed() -> None:
    net = net_of()
    rows: list[int] = []
    for name, module in net.named_modules():
        if re.fullmatch(r".*\.mlp_tokens\.experts\.\d", name):
            module.register_forward_hook(lambda _, given, __: rows.append(given[0].numel() // 32))
    with torch.no_grad():
        net(INPUTS[:1])
    by_module = count_macs(net_of(), INPUTS[:1]).by_module
    assert sum(rows) == 2 * 6  # every channel of both blocks once
    assert by_module["blocks.1.mlp_tokens"] == 6 * (2 * 32 * 14 + 3 * 32)


def test_sparse_blocks_stand_at_the_end_or_at_the_beginning() -> None:
    for place, expected in (("last", [False, True, True]), ("first", [True, True, False])):
        blocks = net_of(sparse_at=place).blocks
        assert [type(block).__name__ == "SparseBlock" for block in blocks] == expected


def test_the_auxiliary_loss_is_a_hundredth_of_both_losses_of_every_mixture_and_is_asked_once() -> None:
    net = net_of()
    assert net.auxiliary_losses() == {}
    net.train()(INPUTS)
    mixtures = [m for m in net.modules() if type(m).__name__ == "Mixture"]
    expected = 0.01 * sum(float(m.auxiliary.detach()) for m in mixtures if isinstance(m.auxiliary, Tensor))
    (found,) = net.auxiliary_losses().values()
    assert len(mixtures) == 4
    assert float(found.detach()) == pytest.approx(expected)
    assert net.auxiliary_losses() == {}
    torch.autograd.backward(found)
    assert all(m.gate.weight.grad is not None for m in mixtures if isinstance(m.gate, nn.Module))


def test_a_mixer_adds_nothing_to_its_loss() -> None:
    net = net_of(sparse_depth=0).train()
    net(INPUTS)
    assert net.auxiliary_losses() == {}


def test_without_re_represent_layers_the_width_of_the_table_is_none_either() -> None:
    net = weightless("sparse_mlp_s", re_represent=False)
    assert net.options.inside == net.options.outside == (196, 512)
    assert params(net) < params(weightless("sparse_mlp_s"))


@pytest.mark.parametrize("changes", [{"sparse_depth": 0}, {"auxiliary_weight": 0}], ids=str)
def test_without_a_loss_of_its_own_it_may_be_trained_by_several_processes(changes: dict[str, Any]) -> None:
    Circle(0, 2).check(net_of(**changes))
    with pytest.raises(DeviceError, match="SparseMlp adds losses of its own over the whole batch"):
        Circle(0, 2).check(net_of())


def test_it_answers_to_the_tools_of_timm() -> None:
    net: Any = net_of()
    with torch.no_grad():
        tokens = net.forward_features(INPUTS)
        assert tokens.shape == (3, 16, 12)
        assert net.forward_head(tokens, pre_logits=True).shape == (3, net.num_features)
        torch.testing.assert_close(net.forward_head(tokens), net(INPUTS))
        net.reset_classifier(7)
        assert net(INPUTS).shape == (3, net.get_classifier().out_features) == (3, 7)
        net.reset_classifier(0)
        assert net(INPUTS).shape == (3, 12)
    assert set(TABLE) <= set(timm.list_models("sparse_mlp*"))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "zero experts": ({"token_experts": 0}, "token_experts must be 1 or more, and is 0; one expert is a plain MLP"),
    "k above their number": (
        {"channel_top_k": 5},
        "channel_top_k must be between 1 and the number of channel experts, 4; it is 5",
    ),
    "no expert at all": ({"token_top_k": 0}, "token_top_k must be between 1"),
    "an odd width": ({"embed_dim": 13}, "embed_dim 13 is odd and can't be halved; say inner_dim"),
    "patches that do not fit": ({"img_size": 30}, "img_size must be a multiple of patch_size, 8, and is 30"),
    "a size of nothing": ({"inner_tokens_dim": 0}, "inner_tokens_dim must be a number of 1 or more, not 0"),
    "no blocks": ({"depth": 0, "sparse_depth": 0}, "0 dense and 0 sparse blocks; at least one block is needed"),
    "no place": ({"sparse_at": "middle"}, "sparse_at must be one of last, first, not 'middle'"),
    "no such noise": ({"noise": "evaluation"}, "noise must be one of training, always, never, not 'evaluation'"),
    "a word for a switch": ({"re_represent": "off"}, "re_represent must be true or false, not 'off'"),
    "a loss that is paid for": ({"auxiliary_weight": -1}, "auxiliary_weight must be a number of 0 or more, not -1"),
    "a weight that is none": ({"auxiliary_weight": "x"}, "auxiliary_weight must be a number of 0 or more, not 'x'"),
    "all paths dropped": ({"drop_path_rate": 1}, "drop_path_rate must be at least 0 and below 1, not 1"),
    "a shape of layers that are not there": (
        {"re_represent": False, "inner_dim": 6},
        "inner_tokens and inner_dim are of re-represent layers, and re_represent is false",
    ),
    "no such option": ({"experts": 4}, "options.experts: no such option of sparse_mlp_b"),
}


@pytest.mark.parametrize(("changes", "said"), REFUSED.values(), ids=REFUSED)
def test_options_that_make_no_network_are_refused_in_a_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(HarnessError) as caught:
        create("sparse_mlp_b", {**SMALL, **changes}, TASK, device="meta")
    assert said in str(caught.value)


def test_no_weights_are_published() -> None:
    with pytest.raises(ValueError, match="no weights are published for sparse_mlp_s"):
        timm.create_model("sparse_mlp_s", pretrained=True)
