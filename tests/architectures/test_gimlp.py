"""CycleMLP and the two forms of giMLP in it, against independent formulas; facts 1 to 3, 6 and 7 of the sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import harness.architectures  # noqa: F401  # registers CycleMLP
from harness.architectures.cycle_fc import CycleFC
from harness.architectures.inhibition import Inhibition
from harness.counting import count_macs
from harness.errors import DeviceError
from harness.training.circle import Circle
from harness.training.groups import parameter_groups

SMALL: dict[str, Any] = {"num_classes": 5, "embed_dims": (8, 12, 16), "depths": (1, 2, 1), "mlp_ratios": (2, 3, 2)}
LEVELS = (0.0, 0.3, 0.9)
# Parameters of section 6, exact; GMACs of B1 as measured there, of the others as published, to a tenth.
PUBLISHED = [
    ("b1", 15_155_400, 2.122, 5e-4),
    ("b2", 26_802_504, 3.9, 0.1),
    ("b3", 38_385_720, 6.9, 0.1),
    ("b4", 51_796_552, 10.1, 0.1),
    ("b5", 75_747_280, 12.3, 0.1),
]


def shaken(net: Any) -> Any:
    """The same weights for the same names, none at a neutral start."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return net.eval()


def built(inhibition: str = "none", level: float | None = None, **options: Any) -> Any:
    torch.manual_seed(0)
    net = timm.create_model("cyclemlp_b1", **SMALL, inhibition=inhibition, inhibition_level=level, **options)
    return shaken(net)


def images(count: int = 2, size: int = 32) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def logits(net: Any, x: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        found: Tensor = net(images() if x is None else x)
    return found


def difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().abs().amax())


@pytest.mark.parametrize(("size", "params", "gmacs", "tolerance"), PUBLISHED)
def test_parameters_and_macs_are_the_published(size: str, params: int, gmacs: float, tolerance: float) -> None:
    with torch.device("meta"):
        net: Any = timm.create_model(f"cyclemlp_{size}")
        shallow: nn.Module = timm.create_model(f"cyclemlp_{size}", depths=(1, 1, 1, 1))
    assert sum(parameter.numel() for parameter in net.parameters()) == params
    count = count_macs(shallow, torch.empty(1, 3, 224, 224, device="meta"))
    depths = [len(net.network[2 * at]) for at in range(4)]  # blocks of a stage are alike: one is counted for all
    macs = count.total + sum((d - 1) * count.by_module[f"network.{2 * at}.0"] for at, d in enumerate(depths))
    assert macs / 1e9 == pytest.approx(gmacs, abs=tolerance)
    assert not count.uncounted


@pytest.mark.parametrize("level", LEVELS[::2])
def test_fact_1_the_code_has_the_parameters_of_cyclemlp_at_every_level(level: float) -> None:
    with torch.device("meta"):
        net: nn.Module = timm.create_model("gi_cyclemlp_b1", inhibition_level=level)
    assert sum(parameter.numel() for parameter in net.parameters()) == 15_155_400


def test_fact_1_the_code_without_inhibition_is_cyclemlp_to_the_bit() -> None:
    assert torch.equal(logits(built("code", 0.0)), logits(built()))


@contextmanager
def seen(net: nn.Module, name: str) -> Iterator[list[Tensor]]:
    """What modules of this name give."""
    found: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda *given: found.append(given[-1]))
        for path, module in net.named_modules()
        if path.rpartition(".")[2] == name
    ]
    yield found
    for hook in hooks:
        hook.remove()


def test_fact_2_branches_are_weighed_alike_at_every_level() -> None:
    found = []
    for level in LEVELS:
        mixing = built("code", level).network[0][0].attn
        found.append(mixing.weights(torch.randn(2, 8, generator=torch.Generator().manual_seed(2))))
    assert max(difference(found[0], other) for other in found[1:]) < 1e-6
    torch.testing.assert_close(found[0].sum(-1), torch.ones(2, 8))


def test_fact_3_the_code_acts_through_the_down_sampling_convolutions_alone() -> None:
    """The demonstration: without the channels' mean in what those convolutions read, every level gives the same."""
    centred = [logits(built("code", level, center_downsampling=True)) for level in LEVELS]
    assert max(difference(centred[0], other) for other in centred[1:]) < 1e-5 * max(1, float(centred[0].abs().amax()))
    as_published = [logits(built("code", level)) for level in LEVELS]
    assert min(difference(as_published[0], other) for other in as_published[1:]) > 0.01


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("scope", ["tensor", "sample", "token"])
def test_fact_6_something_stays_positive_where_anything_was(level: float, scope: str) -> None:
    x = torch.randn(3, 4, 5, 6)
    assert bool((Inhibition(level, scope)(x) > 0).any())


@pytest.mark.parametrize("form", ["code", "figure"])
@pytest.mark.parametrize(("scope", "is_alone"), [("tensor", False), ("sample", True), ("token", True)])
def test_fact_7_items_meet_only_over_the_whole_tensor(form: str, scope: str, is_alone: bool) -> None:
    net, x = built(form, 0.3, inhibition_scope=scope), images(3)
    assert (difference(logits(net, x)[:1], logits(net, x[:1])) < 1e-5) is is_alone


@pytest.mark.parametrize(
    ("level", "scope", "is_shared"), [(0.3, "tensor", True), (0.0, "tensor", False), (0.3, "sample", False)]
)
def test_a_maximum_over_the_whole_batch_is_for_one_process(level: float, scope: str, is_shared: bool) -> None:
    net = built("code", level, inhibition_scope=scope)
    Circle().check(net)
    if not is_shared:
        Circle(0, 2).check(net)
        return
    with pytest.raises(DeviceError, match="what CycleMlp makes of an item in training hangs on all others"):
        Circle(0, 2).check(net)


@pytest.mark.parametrize(("scope", "axes"), [("tensor", (0, 1, 2, 3)), ("sample", (1, 2, 3)), ("token", (3,))])
def test_inhibition_takes_a_share_of_the_maximum_away(scope: str, axes: tuple[int, ...]) -> None:
    x = torch.randn(2, 3, 4, 5)
    largest = x.clone()
    for axis in axes:
        largest = largest.max(axis, keepdim=True).values
    torch.testing.assert_close(Inhibition(0.3, scope)(x), x - 0.3 * largest)


def test_the_gradient_flows_through_the_maximum() -> None:
    x = torch.tensor([[1.0, 3.0, 2.0]], requires_grad=True)
    Inhibition(0.25)(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([[1.0, 1 - 3 * 0.25, 1.0]]))


def cycled(x: Tensor, weight: Tensor, bias: Tensor, axis: int) -> Tensor:
    """out(p) = b + sum_c W_c x_c(p + off(c)), place by place; x (n, H, W, C)."""
    n, height, width, channels = x.shape
    out = bias.expand(n, height, width, -1).clone()
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                off = (c + 1) % 3 - 1
                row, column = (i + off, j) if axis == 1 else (i, j + off)
                if 0 <= row < height and 0 <= column < width:
                    out[:, i, j] += x[:, row, column, c, None] * weight[:, c, 0, 0]
    return out


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("size", [(3, 4), (1, 2)])
def test_a_cycle_fc_reads_each_channel_at_its_own_neighbour(axis: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer, x = CycleFC(7, axis), torch.randn(2, *size, 7)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    torch.testing.assert_close(layer(x), cycled(x, layer.weight, layer.bias, axis))


@pytest.mark.parametrize("axis", [1, 2])
def test_a_cycle_fc_is_a_deformable_convolution_with_fixed_offsets(axis: int) -> None:
    from torchvision.ops import deform_conv2d  # type: ignore[import-untyped]  # it has no types

    torch.manual_seed(0)
    layer, x = CycleFC(8, axis), torch.randn(2, 5, 6, 8)
    nn.init.normal_(layer.weight)
    offsets = torch.zeros(8, 2)
    offsets[:, axis - 1] = (torch.arange(8) + 1) % 3 - 1.0
    expected = deform_conv2d(
        x.permute(0, 3, 1, 2), offsets.reshape(1, 16, 1, 1).expand(2, -1, 5, 6), layer.weight, layer.bias
    )
    torch.testing.assert_close(layer(x), expected.permute(0, 2, 3, 1))


def reference(net: Any, x: Tensor, level: float, form: str) -> Tensor:
    """Logits from the weights alone, by einsum; maps (n, H, W, C)."""
    w: Mapping[str, Tensor] = net.state_dict()
    x = F.conv2d(x, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], 4, 2).permute(0, 2, 3, 1)
    for stage, depth in enumerate(SMALL["depths"]):
        if stage:
            path = f"network.{2 * stage - 1}.proj"
            x = F.conv2d(x.permute(0, 3, 1, 2), w[f"{path}.weight"], w[f"{path}.bias"], 2, 1).permute(0, 2, 3, 1)
        for at in range(depth):
            block = f"network.{2 * stage}.{at}"
            x = x + mixed(normed(x, w, f"{block}.norm1"), w, f"{block}.attn", level if form == "code" else 0)
            y = normed(x, w, f"{block}.norm2")
            x = x + (gated(y, w, f"{block}.mlp", level) if form == "figure" else mlp(y, w, f"{block}.mlp", level))
    x = normed(x, w, "norm").mean((1, 2))
    return torch.einsum("nc,kc->nk", x, w["head.weight"]) + w["head.bias"]


def normed(x: Tensor, w: Mapping[str, Tensor], path: str) -> Tensor:
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    return x * w[f"{path}.weight"] + w[f"{path}.bias"]


def linear(x: Tensor, w: Mapping[str, Tensor], path: str) -> Tensor:
    return torch.einsum("...c,oc->...o", x, w[f"{path}.weight"]) + w.get(f"{path}.bias", torch.zeros(()))


def mlp(x: Tensor, w: Mapping[str, Tensor], path: str, level: float) -> Tensor:
    x = linear(F.gelu(linear(x, w, f"{path}.fc1")), w, f"{path}.fc2")
    return x - level * x.max()


def gated(x: Tensor, w: Mapping[str, Tensor], path: str, level: float) -> Tensor:
    trunk = F.gelu(mlp(x, w, path, 0))
    i = linear(F.gelu(linear(x, w, f"{path}.gate.gate")), w, f"{path}.gate.inhibition")
    return trunk * F.gelu(i - level * i.max())


def mixed(x: Tensor, w: Mapping[str, Tensor], path: str, level: float) -> Tensor:
    h, v = (
        cycled(x, w[f"{path}.sfc_{one}.weight"], w[f"{path}.sfc_{one}.bias"], axis)
        for one, axis in (("h", 2), ("w", 1))
    )
    c = linear(x, w, f"{path}.mlp_c")
    logits_of = mlp(torch.einsum("nijc->nc", h + v + c) / (x.shape[1] * x.shape[2]), w, f"{path}.reweight", level)
    share = logits_of.reshape(len(x), x.shape[-1], 3).softmax(-1)
    return linear(torch.einsum("ncb,bnijc->nijc", share, torch.stack((h, v, c))), w, f"{path}.proj")


@pytest.mark.parametrize(("form", "level"), [("none", None), ("code", 0.3), ("code", 0.9), ("figure", 0.3)])
def test_logits_are_those_of_the_formulas(form: str, level: float | None) -> None:
    net, x = built(form, level), images(2, 24)
    expected = reference(net, x, level or 0.0, form)
    torch.testing.assert_close(logits(net, x), expected, rtol=1e-4, atol=1e-4)


def test_the_figure_adds_two_square_maps_to_each_mlp_or_what_the_ratio_says() -> None:
    def params(**options: Any) -> int:
        return sum(p.numel() for p in built(**options).parameters())

    square = sum(2 * (c * c + c) * d for c, d in ((8, 1), (12, 2), (16, 1)))
    half = sum((c * c + c // 2 + c) * d for c, d in ((8, 1), (12, 2), (16, 1)))
    assert params(inhibition="figure", level=0.3) - params() == square
    assert params(inhibition="figure", level=0.3, gate_ratio=0.5) - params() == half


def test_a_gated_network_without_inhibition_is_a_cyclemlp() -> None:
    torch.manual_seed(0)
    net = shaken(timm.create_model("gi_cyclemlp_b1", **SMALL, inhibition="none"))
    assert torch.equal(logits(net), logits(built()))


def test_the_activation_at_the_end_of_the_trunk_is_an_option() -> None:
    ends = [logits(built("figure", 0.3, trunk_activation=active)) for active in (True, False)]
    assert difference(*ends) > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"inhibition": "attention", "inhibition_level": 0.3},
            "inhibition must be one of none, figure, code, not 'attention'; in attention: gi_deit_tiny",
        ),
        ({"inhibition": "code"}, "inhibition 'figure' and 'code' need an inhibition_level, and 'none' has none"),
        ({"inhibition_level": 0.3}, "inhibition 'figure' and 'code' need an inhibition_level, and 'none' has none"),
        (
            {"inhibition": "code", "inhibition_level": 1.0},
            "must be at least 0 and below 1, a share of the maximum, not 1",
        ),
        ({"inhibition": "code", "inhibition_level": -0.1}, "must be at least 0 and below 1, .* not -0.1"),
        (
            {"inhibition": "code", "inhibition_level": 0.3, "inhibition_scope": "batch"},
            "inhibition_scope must be one of tensor, sample, token, not 'batch'",
        ),
        ({"mlp_ratios": (2, 0.01, 2)}, "mlp_ratios leaves no width inside: 0.01 times 12; take a larger one"),
        ({"embed_dims": (3, 4, 4)}, "embed_dims leaves no width inside: 0.25 times 3"),
        ({"depths": (1, 2)}, "each stage takes one value of each: embed_dims has 3, depths has 2"),
        ({"depths": 2}, "each stage takes one value of each: embed_dims has 3, depths is 2, mlp_ratios has 3"),
        ({"depths": (1, 0, 1)}, "depths must be a number of 1 or more, not 0"),
        ({"patch_stride": 0}, "patch_stride must be a number of 1 or more, not 0"),
        ({"patch_stride": []}, r"patch_stride must be a number of 1 or more, not \[\]"),
        ({"patch_size": 0}, "patch_size must be a number of 1 or more, not 0"),
        ({"patch_padding": -1}, "patch_padding must be a number of 0 or more, not -1"),
        ({"trunk_activation": "no"}, "trunk_activation must be true or false, not 'no'"),
        ({"drop_path_rate": 1.0}, "drop_path_rate must be at least 0 and below 1, not 1.0"),
        ({"img_size": 2}, "img_size must be at least 3, for one patch with its margin, not 2"),
    ],
)
def test_options_that_do_not_fit_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        timm.create_model("cyclemlp_b1", **{**SMALL, **options})


def test_maps_of_odd_sides_are_taken() -> None:
    assert logits(built(), torch.zeros(2, 3, 27, 21)).shape == (2, 5)


def test_weights_of_the_published_code_are_taken_without_their_fixed_offsets() -> None:
    net = built()
    state = dict(net.state_dict())
    published = {**state, **{name.replace("weight", "offset"): torch.zeros(1) for name in state if ".sfc_" in name}}
    assert "network.2.1.attn.sfc_h.offset" in published
    assert list(net.from_published(published)) == list(state)


def test_layers_may_learn_at_rates_of_their_own() -> None:
    net = built()
    names = {id(parameter): key for key, parameter in net.named_parameters()}
    rates = {names[id(p)]: group["lr_scale"] for group in parameter_groups(net, 0.05, 0.5) for p in group["params"]}
    assert [rates[f"{path}.weight"] for path in ("head", "network.4.0.mlp.fc1", "network.3.proj")] == [1, 0.5, 0.25]
    assert rates["network.2.1.mlp.fc1.weight"] == 2 * rates["network.2.0.mlp.fc1.weight"]
