"""RepMLPNet keeps to its paper: the numbered facts of its sheet, its tables, both forms, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
import timm
import torch
from shaking import shaken
from timm.models import reparameterize_model
from torch import Tensor, nn

import harness.architectures  # noqa: F401  # registers the names
from harness.architectures.repmlp import ChannelPerceptron, RepMLP
from harness.architectures.repmlpnet import RepMLPNet
from harness.counting import count_macs
from harness.errors import SpecError
from harness.models import create
from harness.models.weights import put_state
from harness.schema import Options

TINY: dict[str, Any] = {
    "img_size": 16, "patch_size": 2, "dim": 8, "depths": (1, 2), "share_sets": (2, 4), "num_classes": 5
}  # fmt: skip
PUBLISHED = [  # input, parameters and GMACs trained, parameters and GMACs deployed
    ("t224", 224, 38_293_608, 2.808, 38_331_720, 2.798),
    ("t256", 256, 58_687_848, 4.258, 58_739_400, 4.246),
    ("b224", 224, 68_242_712, 6.676, 68_332_664, 6.657),
    ("b256", 256, 96_447_512, 9.640, 96_568_184, 9.616),
    ("d256", 256, 86_887_648, 8.636, 86_985_280, 8.611),
    ("l256", 256, 117_641_560, 11.609, 117_820_600, 11.579),
]
KERNELS: tuple[tuple[int, ...], ...] = ((), (1,), (3,), (1, 3))


def tiny(**options: Any) -> RepMLPNet:
    torch.manual_seed(0)
    return shaken(cast(RepMLPNet, timm.create_model("repmlpnet_t224", **{**TINY, **options})))


def block(sets: int = 2, kernels: tuple[int, ...] = (1, 3), reduction: int = 4, width: int = 8) -> RepMLP:
    torch.manual_seed(0)
    return shaken(RepMLP(width, (4, 3), sets, kernels, reduction))


def x_of(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def params(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def gmacs(net: nn.Module, size: int) -> float:
    count = count_macs(net, torch.empty(1, 3, size, size, device="meta"))
    assert count.uncounted == ()
    return count.total / 1e9


@pytest.mark.parametrize(
    ("name", "size", "trained", "trained_gmacs", "deployed", "deployed_gmacs"), PUBLISHED, ids=[r[0] for r in PUBLISHED]
)
def test_fact_2_both_forms_have_the_published_size(
    name: str, size: int, trained: int, trained_gmacs: float, deployed: int, deployed_gmacs: float
) -> None:
    net = create(f"repmlpnet_{name}", {}, {}, device="meta")
    assert params(net) == trained
    assert gmacs(net, size) == pytest.approx(trained_gmacs, abs=6e-4)
    assert params(reparameterize_model(net, inplace=True)) == deployed
    assert gmacs(net, size) == pytest.approx(deployed_gmacs, abs=6e-4)


@pytest.mark.parametrize(("kernels", "more"), [((), 0), ((1,), 720), ((3,), 2640), ((1, 3), 3360)])
def test_the_cifar_100_network_has_the_published_size(kernels: tuple[int, ...], more: int) -> None:
    net = create("repmlpnet_cifar100", {"kernels": list(kernels)}, {}, device="meta")
    assert params(net) == 8_305_284 + more
    if not kernels:
        assert gmacs(net, 32) == pytest.approx(0.4683, abs=1e-4)


@pytest.mark.parametrize(("options", "millions"), [({}, 38.3), ({"share_sets": [2, 8, 32, 256]}, 67.2)])
def test_the_global_perceptron_costs_what_table_3_says(options: Options, millions: float) -> None:
    whole = create("repmlpnet_t224", options, {}, device="meta")
    plain = create("repmlpnet_t224", {**options, "reduction": 0}, {}, device="meta")
    assert params(whole) / 1e6 == pytest.approx(millions, abs=0.05)
    assert (params(whole) - params(plain)) / 1e6 == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize(("kind", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_fact_1_the_deployed_form_gives_the_same(kernels: tuple[int, ...], kind: torch.dtype, tolerance: float) -> None:
    net = tiny(kernels=kernels).to(kind)
    x = x_of(2, 3, 16, 16).to(kind)
    with torch.no_grad():
        expected = net(x)
        found = reparameterize_model(net)(x)
    assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())


def test_fact_2_a_deployed_block_has_one_layer_for_all_positions() -> None:
    mixer = block()
    mixer.reparameterize()
    assert mixer.is_deployed
    assert [name for name, _ in mixer.named_modules() if name] == [
        "global_perceptron", "global_perceptron.fc1", "global_perceptron.fc2", "channel"
    ]  # fmt: skip
    assert [tuple(p.shape) for p in mixer.channel.parameters()] == [(2, 12, 12), (2, 12)]


def test_the_deployed_form_can_be_built_and_takes_injected_weights() -> None:
    net = reparameterize_model(tiny())
    other = tiny(deploy=True)
    put_state(other, net.state_dict(), "deployed")
    assert torch.equal(other(x_of(1, 3, 16, 16)), net(x_of(1, 3, 16, 16)))


def test_the_injection_is_differentiable() -> None:
    mixer = block()
    weight, bias = mixer.injected()
    torch.autograd.backward(weight.square().sum() + bias.square().sum())
    used = [*mixer.channel.parameters(), *(mixer.local.parameters() if mixer.local is not None else ())]
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in used)


def test_a_block_is_what_section_3_says() -> None:
    mixer, x = block(sets=2), x_of(2, 8, 4, 3)
    local, gate = cast(Any, mixer.local), cast(Any, mixer.global_perceptron)
    expected = torch.empty_like(x)
    with torch.no_grad():
        for j in range(8):
            i = j % 2
            fully = torch.einsum("pq,nq->np", mixer.channel.weight[i], x[:, j].flatten(1))
            expected[:, j] = normed(mixer.channel.norm, i, fully).reshape(2, 4, 3)
            for branch in local.branches.values():
                kernel = branch.conv.weight[i : i + 1]
                y = torch.nn.functional.conv2d(x[:, j : j + 1], kernel, padding=kernel.shape[-1] // 2)
                expected[:, j] += normed(branch.norm, i, y[:, 0])
        hidden = torch.relu(x.mean((2, 3)) @ gate.fc1.weight.T + gate.fc1.bias)
        v = torch.sigmoid(hidden @ gate.fc2.weight.T + gate.fc2.bias)
        torch.testing.assert_close(mixer(x), expected * v[:, :, None, None])


def normed(norm: Any, channel: int, x: Tensor) -> Tensor:
    mean, var = norm.running_mean[channel], norm.running_var[channel]
    found: Tensor = (x - mean) / torch.sqrt(var + norm.eps) * norm.weight[channel] + norm.bias[channel]
    return found


def test_fact_5_one_share_set_is_the_token_mixing_of_mixer() -> None:
    channel, x = shaken(ChannelPerceptron(1, (4, 3), deploy=True)), x_of(2, 8, 4, 3)
    linear = nn.Linear(12, 12)
    linear.load_state_dict({"weight": channel.weight[0], "bias": channel.bias[0]})  # type: ignore[index]  # deployed
    torch.testing.assert_close(channel(x).flatten(2), linear(x.flatten(2)))


def test_fact_6_channels_share_weights_with_those_a_number_of_share_sets_away() -> None:
    channel = shaken(ChannelPerceptron(4, (4, 3)))
    same = x_of(1, 1, 4, 3).expand(1, 8, 4, 3)
    y = channel(same)[0]
    assert all(torch.allclose(y[j], y[j + 4], atol=1e-6) for j in range(4))
    assert not any(torch.allclose(y[j], y[j + 1], atol=1e-2) for j in range(7))


def test_fact_7_share_sets_multiply_parameters_and_no_work() -> None:
    item = torch.empty(1, 8, 4, 3, device="meta")
    layers = {sets: ChannelPerceptron(sets, (4, 3)) for sets in (1, 2, 8)}
    assert {count_macs(layer, item).total for layer in layers.values()} == {8 * 12**2}
    assert [layer.weight.numel() for layer in layers.values()] == [144, 288, 1152]


def test_fact_8_a_global_perceptron_of_one_is_none() -> None:
    mixer, plain, x = block(), block(reduction=0), x_of(2, 8, 4, 3)
    plain.load_state_dict({k: v for k, v in mixer.state_dict().items() if not k.startswith("global_perceptron")})
    with torch.no_grad():
        cast(Any, mixer.global_perceptron).fc2.bias.fill_(100.0)  # its sigmoid is 1
    assert torch.equal(mixer(x), plain(x))


def test_fact_9_tiles_know_of_each_other_by_the_global_perceptron_alone() -> None:
    mixer, plain = block(), block(reduction=0)
    x = x_of(1, 8, 8, 9)
    changed = x.clone()
    changed[:, :, :4, :3] += 1
    outside = torch.ones(8, 9, dtype=torch.bool)
    outside[:4, :3] = False
    with torch.no_grad():
        assert torch.equal(plain(x)[..., outside], plain(changed)[..., outside])
        torch.testing.assert_close(plain(x)[:, :, 4:8, 3:6], plain(x[:, :, 4:8, 3:6]))
        assert not torch.equal(mixer(x)[..., outside], mixer(changed)[..., outside])


def test_fact_9_inputs_of_several_tiles_run() -> None:
    net = tiny()
    assert net(x_of(2, 3, 32, 48)).shape == (2, 5)
    with pytest.raises(
        ValueError, match="inputs must be a multiple of the tiles of 16x16, which tile_size sets, not 24"
    ):
        net(x_of(2, 3, 24, 16))
    larger: nn.Module = timm.create_model("repmlpnet_t224", **{**TINY, "img_size": 32, "tile_size": 16})
    assert params(larger) == params(net)


def test_fact_10_injection_twice_is_refused_and_training_brings_nothing_back() -> None:
    mixer = block()
    mixer.reparameterize()
    with pytest.raises(ValueError, match="locality is injected already"):
        mixer.reparameterize()
    names = list(mixer.state_dict())
    mixer.train()(x_of(2, 8, 4, 3))
    assert list(mixer.state_dict()) == names
    assert mixer.local is None


def published_names(net: RepMLPNet) -> Iterator[tuple[str, Tensor]]:
    """The state under the names of the paper's code, linear maps as convolutions."""
    for name, tensor in net.state_dict().items():
        name = re.sub(r"^stages\.0\.embedding\.", "conv_embedding.", name)
        name = re.sub(r"^stages\.1\.embedding\.", "embeds.0.", name)
        name = re.sub(r"\.blocks\.(\d)\.", r".\1.", name)
        name = name.replace(".mixer.channel.norm.", ".repmlp_block.fc3_bn.").replace("mlp.fc", "ffn_block.ffn_fc")
        name = name.replace(".mixer.channel.", ".repmlp_block.fc3.").replace(".global_perceptron.", ".gp.")
        name = name.replace(".mixer.local.branches.k", ".repmlp_block.repconv").replace(".mixer.", ".repmlp_block.")
        name = re.sub(r"(\d)\.norm([12])\.", r"\1.prebn\2.", name)
        name = re.sub(r"^norm\.", "head_norm.", re.sub(r"\.norm\.", ".bn.", name))
        if name.endswith("fc3.weight"):
            tensor = tensor.flatten(0, 1)
        yield name, tensor[:, :, None, None] if ".gp." in name and tensor.dim() == 2 else tensor


def test_weights_load_by_their_published_names_and_by_our_own() -> None:
    net, other = tiny(), shaken(tiny(), seed=1)
    published = dict(published_names(net))
    assert {"stages.1.1.repmlp_block.repconv3.bn.weight", "stages.0.0.prebn1.bias", "head_norm.bias"} <= set(published)
    put_state(other, published, "published")
    assert torch.equal(other(x_of(1, 3, 16, 16)), net(x_of(1, 3, 16, 16)))
    assert list(other.from_published(net.state_dict())) == list(net.state_dict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"img_size": 200}, "img_size must be a multiple of 32 (patches of 4, halved 3 times), not 200"),
        ({"img_size": 320, "tile_size": 224}, "inputs must be a multiple of the tiles of 224x224"),
        ({"kernels": [2]}, "kernels must be odd and differ, not [2]"),
        ({"kernels": [3, 3]}, "kernels must be odd and differ, not [3, 3]"),
        ({"share_sets": [1, 4, 16]}, "share_sets must be one number for each of 4 stages, not [1, 4, 16]"),
        ({"share_sets": [3, 4, 16, 128]}, "share_sets must divide the widths: stage 1 has 64, not 3"),
        ({"reduction": 65}, "reduction must be between 1 and dim (64), or 0 for no global perceptron, not 65"),
        ({"expansion": 0}, "expansion must be a number of 1 or more, not 0"),
        ({"deploy": "no"}, "deploy must be true or false, not 'no'"),
        ({"depths": [0, 1, 1, 1]}, "dim and depths must be at least 1"),
    ],
)
def test_what_cannot_be_built_is_said(options: Options, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        create("repmlpnet_t224", options, {}, device="meta")
