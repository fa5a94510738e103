"""LIT against an independent formula of every part, and every fact of its sheet."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import harness.architectures  # noqa: F401  # registers LIT
from harness.counting import MacCount, count_macs
from harness.families.catalogue import family_of
from harness.inventory import inventory_of
from harness.surgery import remove
from harness.training.groups import parameter_groups

SMALL: dict[str, Any] = {
    "img_size": 32,
    "num_classes": 5,
    "embed_dims": (8, 12, 16, 24),
    "depths": (1, 1, 2, 1),
    "num_heads": (1, 2, 2, 3),
}
TINY: dict[str, Any] = {**SMALL, "mlp_ratios": (3, 2, 2, 2)}
# Model, options, parameters, GMACs: section 5 of the sheet, the networks and PVT-small with attention everywhere.
PUBLISHED: list[tuple[str, dict[str, Any], int, float]] = [
    ("lit_ti", {}, 19_886_272, 3.614),
    ("lit_s", {}, 27_973_720, 4.077),
    ("lit_m", {}, 49_372_264, 8.592),
    ("lit_b", {}, 87_292_384, 15.028),
    ("lit_ti", {"has_msa": (1, 1, 1, 1), "merging": "linear"}, 20_185_384, 8.376),
    # What the published code's own formula gives, which adds norms and four offset channels too many.
    ("lit_s", {"has_msa": (0, 0, 0, 0)}, 19_632_544, 2.972),
    ("lit_s", {"has_msa": (0, 0, 0, 1)}, 24_368_464, 3.211),
    ("lit_s", {"has_msa": (0, 1, 1, 1)}, 28_307_236, 4.785),
    ("lit_s", {"has_msa": (1, 1, 1, 1)}, 28_456_042, 8.793),
    ("lit_m", {"has_msa": (0, 0, 0, 0)}, 33_820_576, 5.747),
    ("lit_b", {"has_msa": (0, 0, 0, 0)}, 59_741_056, 10.206),
]


def weightless(name: str, **options: Any) -> Any:
    with torch.device("meta"):
        return timm.create_model(name, **options)


def built(name: str, **options: Any) -> Any:
    """A small network in eval mode with no parameter at a neutral start, offsets up to a few pixels."""
    torch.manual_seed(0)
    net: Any = timm.create_model(name, **{**(TINY if name == "lit_ti" else SMALL), **options})
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
        for buffer in net.buffers():
            if buffer.is_floating_point():
                buffer.add_(0.1 * torch.rand(buffer.shape))
    return net.eval()


def images(count: int = 2, size: int = 32) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


@cache
def counted(name: str, has_msa: tuple[int, ...] = (0, 0, 1, 1), merging: str = "deformable") -> MacCount:
    """Of one block in each stage: those of a stage are alike, and one is counted for all."""
    net = weightless(name, has_msa=has_msa, merging=merging, depths=(1, 1, 1, 1))
    return count_macs(net, torch.empty(1, 3, 224, 224, device="meta"))


def macs_of(count: MacCount, depths: tuple[int, ...]) -> int:
    return count.total + sum((d - 1) * count.by_module[f"layers.{at}.blocks.0"] for at, d in enumerate(depths))


@pytest.mark.parametrize(("name", "options", "params", "gmacs"), PUBLISHED)
def test_fact_1_parameters_are_the_published_and_macs_within_two_in_a_thousand(
    name: str, options: dict[str, Any], params: int, gmacs: float
) -> None:
    net, count = weightless(name, **options), counted(name, **options)
    assert sum(parameter.numel() for parameter in net.parameters()) == params
    assert macs_of(count, net.options.depths) / 1e9 == pytest.approx(gmacs, rel=2e-3)
    assert (count.uncounted, count.read_by) == ((), ())


@pytest.mark.parametrize(("name", "gmacs"), [("lit_ti", 0.090), ("lit_s", 0.173), ("lit_m", 0.173), ("lit_b", 0.308)])
def test_fact_1_macs_hold_the_deformable_convolutions(name: str, gmacs: float) -> None:
    count = counted(name)
    ends = ("dconv", "conv_offset")
    whole, offsets = (sum(m for path, m in count.by_module.items() if path.endswith(end)) for end in ends)
    assert (whole - offsets) / 1e9 == pytest.approx(gmacs, abs=6e-4)


def bilinear(x: Tensor, row: float, column: float) -> Tensor:
    """x (channels, H, W) at one place, by hand; zero outside."""
    _, height, width = x.shape
    found = torch.zeros(len(x))
    for r in range(height):
        for c in range(width):
            found += x[:, r, c] * max(0.0, 1 - abs(row - r)) * max(0.0, 1 - abs(column - c))
    return found


def merged_by_hand(x: Tensor, weight: Tensor, bias: Tensor, offsets: Tensor) -> Tensor:
    """b + sum_t W_t x(2p + tap_t + delta_t(p)), place by place."""
    n, _, height, width = x.shape
    out = torch.empty(n, len(weight), height // 2, width // 2)
    for item in range(n):
        for i in range(height // 2):
            for j in range(width // 2):
                total = bias.clone()
                for tap in range(4):
                    down, right = offsets[item, 2 * tap, i, j], offsets[item, 2 * tap + 1, i, j]
                    row, column = 2 * i + tap // 2, 2 * j + tap % 2
                    total += weight[:, :, tap // 2, tap % 2] @ bilinear(
                        x[item], float(row + down), float(column + right)
                    )
                out[item, :, i, j] = total
    return out


def convolution(channels: int = 3, out: int = 4) -> Any:
    from harness.architectures.token_merging import DeformableConvolution

    torch.manual_seed(0)
    return DeformableConvolution(channels, out)


def with_offsets(layer: Any, offsets: Tensor) -> Any:
    """The layer with offsets that do not come from its input."""
    layer.conv_offset = Constant(offsets)
    return layer


class Constant(nn.Module):
    """Gives one tensor whatever it is asked."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value

    def forward(self, _: Tensor) -> Tensor:
        return self.value


@pytest.mark.parametrize("scale", [0.3, 2.0, 9.0])
def test_token_merging_reads_each_tap_where_its_offset_says(scale: float) -> None:
    layer, x = convolution(), torch.randn(2, 3, 4, 6)
    offsets = scale * torch.randn(2, 8, 2, 3)
    found = with_offsets(layer, offsets)(x)
    torch.testing.assert_close(found, merged_by_hand(x, layer.weight, layer.bias, offsets), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("scale", [0.0, 0.7, 4.0])
def test_token_merging_equals_the_operator_of_torchvision(scale: float) -> None:
    from torchvision.ops import deform_conv2d  # type: ignore[import-untyped]  # it has no types

    layer, x, offsets = convolution(16, 8), torch.randn(2, 16, 14, 10), scale * torch.randn(2, 8, 7, 5)
    x.requires_grad_()
    expected = deform_conv2d(x, offsets, layer.weight, layer.bias, stride=2)
    found = with_offsets(layer, offsets)(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    (first,) = torch.autograd.grad(expected.square().sum(), x)
    (second,) = torch.autograd.grad(found.square().sum(), x)
    torch.testing.assert_close(second, first, rtol=1e-4, atol=1e-4)


def test_places_on_the_map_are_exact_in_half_precision_too() -> None:
    from harness.architectures.token_merging import displaced

    x = torch.randn(1, 2, 64, 64).bfloat16()
    assert torch.equal(displaced(x, torch.zeros(1, 8, 32, 32).bfloat16()), x)


def test_fact_2_at_the_start_merging_is_a_plain_convolution_norm_and_gelu() -> None:
    from harness.architectures.token_merging import TokenMerging

    torch.manual_seed(0)
    merging: Any = TokenMerging((8, 6), 16, 24)
    plain = nn.Sequential(nn.Conv2d(16, 24, 2, 2), nn.BatchNorm2d(24), nn.GELU())
    plain[0].load_state_dict({name: merging.dconv.state_dict()[name] for name in ("weight", "bias")})
    x = torch.randn(2, 48, 16)
    expected = plain(x.reshape(2, 8, 6, 16).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).reshape(2, 12, 24)
    assert float((merging(x) - expected).detach().abs().amax()) < 1e-5


def seen_after(net: Any, path: str, x: Tensor) -> Tensor:
    found: list[Tensor] = []
    hook = net.get_submodule(path).register_forward_hook(lambda *given: found.append(given[-1]))
    with torch.no_grad():
        net(x)
    hook.remove()
    return found[0]


@pytest.mark.parametrize("name", ["lit_ti", "lit_s"])
@pytest.mark.parametrize("stage", range(4))
def test_fact_3_one_token_reaches_others_in_the_stages_that_have_attention(name: str, stage: int) -> None:
    net, options = built(name), TINY
    grid = 8 >> stage
    tokens = grid * grid + (name == "lit_ti" and stage == 3)
    x = torch.randn(1, tokens, options["embed_dims"][stage])
    other = x.clone()
    other[0, 0] += 1
    with torch.no_grad():
        changed = (net.layers[stage].blocks(x) - net.layers[stage].blocks(other)).abs().amax(-1)[0]
    assert int((changed > 1e-7).sum()) == (1 if stage < 2 else tokens)


def test_fact_4_whole_offsets_are_a_shifted_gather_and_zero_outside() -> None:
    layer, x = convolution(), torch.randn(1, 3, 6, 6)
    offsets = torch.zeros(1, 8, 3, 3)
    offsets[:, 0::2], offsets[:, 1::2] = 1.0, -2.0
    padded = F.pad(x, (2, 0, 0, 1))  # every pixel is read one below and two to the left
    shifted = padded[:, :, 1:, :6]
    found = with_offsets(layer, offsets)(x)
    torch.testing.assert_close(found, F.conv2d(shifted, layer.weight, layer.bias, stride=2), rtol=1e-5, atol=1e-5)
    outside = with_offsets(layer, torch.full_like(offsets, 6.0))(x)
    torch.testing.assert_close(outside, layer.bias[None, :, None, None].expand_as(outside))


def test_fact_5_offsets_learn_and_at_a_hundredth_of_the_rate() -> None:
    torch.manual_seed(0)
    net: Any = timm.create_model("lit_s", **SMALL)
    offsets = {name: p for name, p in net.named_parameters() if ".conv_offset." in name}
    assert len(offsets) == 6
    assert not any(bool(p.any()) for p in offsets.values())
    groups = parameter_groups(net, 0.05, None)
    scales = {id(p): group.get("lr_scale") for group in groups for p in group["params"]}
    assert {name for name, p in net.named_parameters() if scales[id(p)] == 0.01} == set(offsets)
    assert {scale for scale in scales.values()} == {0.01, 1.0}
    net(images()).square().sum().backward()
    torch.optim.SGD(net.parameters(), 0.1).step()
    assert all(bool(p.any()) for p in offsets.values())


@pytest.mark.parametrize("name", ["lit_ti", "lit_s"])
def test_fact_6_a_stage_without_attention_has_no_parameter_of_it(name: str) -> None:
    net = built(name, has_msa=(0, 1, 0, 1))
    owners = ("norm1", "qkv", "proj", "relative_position_bias_table")
    names = [n for n, _ in net.named_parameters() if n.startswith("layers") and any(f".{o}" in n for o in owners)]
    assert {n.split(".")[1] for n in names} == {"1", "3"}
    assert any("bias_table" in n for n in names) is (name == "lit_s")


def test_fact_7_the_last_stage_of_ti_reads_a_class_token_and_the_others_the_mean() -> None:
    for name, tokens in (("lit_ti", 50), ("lit_s", 49)):
        features = weightless(name, depths=(1, 1, 1, 1)).forward_features(torch.empty(1, 3, 224, 224, device="meta"))
        assert features.shape[1] == tokens
    tiny, small, x = built("lit_ti"), built("lit_s"), torch.randn(2, 5, 24)
    assert torch.equal(tiny.forward_head(x, pre_logits=True), x[:, 0])
    assert torch.equal(small.forward_head(x, pre_logits=True), x.mean(1))


def test_fact_8_pairs_of_tokens_at_the_same_offset_share_a_bias() -> None:
    from harness.architectures.attention import RelativeAttention

    torch.manual_seed(0)
    attention = RelativeAttention(8, 2, (3, 4))
    places = [(r, c) for r in range(3) for c in range(4)]
    seen: dict[tuple[int, int], Tensor] = {}
    for i, (r, c) in enumerate(places):
        for j, (s, d) in enumerate(places):
            assert torch.equal(seen.setdefault((r - s, c - d), attention.bias()[:, i, j]), attention.bias()[:, i, j])
    assert len(seen) == len(attention.relative_position_bias_table) == 5 * 7
    assert len({tuple(bias.tolist()) for bias in seen.values()}) == len(seen)


def test_fact_8_a_table_of_zeros_is_plain_attention() -> None:
    from harness.architectures.attention import Attention, RelativeAttention

    relative, plain = RelativeAttention(8, 2, (3, 4)), Attention(8, 2)
    plain.load_state_dict({name: v for name, v in relative.state_dict().items() if "position" not in name})
    nn.init.zeros_(relative.relative_position_bias_table)
    x = torch.randn(2, 12, 8)
    torch.testing.assert_close(relative(x), plain(x))


@pytest.mark.parametrize(("name", "block"), [("lit_s", "layers.2.blocks.3"), ("lit_ti", "layers.3.blocks.0")])
def test_fact_9_an_attention_costs_what_the_formula_says(name: str, block: str) -> None:
    net, item = weightless(name), torch.empty(1, 3, 224, 224, device="meta")
    (gone,) = (s for s in family_of(net).sublayers(net) if s.name == f"{block}.attn")
    inventory = inventory_of(net, name, item)
    (info,) = inventory.chosen([gone.name])
    assert inventory.macs == macs_of(counted(name), net.options.depths)
    tokens, width, heads = (196, 384, 12) if name == "lit_s" else (50, 512, 8)
    table = 27 * 27 * heads if name == "lit_s" else 0
    assert info.params == 4 * width**2 + 4 * width + 2 * width + table
    assert info.macs == 4 * tokens * width**2 + 2 * tokens**2 * width
    left = remove(net, [gone], "skip")
    assert sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in left.parameters()) == info.params


def reference(net: Any, x: Tensor) -> Tensor:
    """Logits from the weights alone, by einsum, with torchvision's deformable convolution."""
    w: Mapping[str, Tensor] = net.state_dict()
    o = net.options
    patches = x.reshape(len(x), 3, 8, 4, 8, 4)
    x = torch.einsum("ncipjq,dcpq->nijd", patches, w["patch_embed.proj.weight"])
    x = normed(x + w["patch_embed.proj.bias"], w, "patch_embed.norm", o.norm_eps).flatten(1, 2)
    for stage, depth in enumerate(o.depths):
        if stage:
            x = merged(x, w, f"layers.{stage - 1}.downsample")
        if o.global_pool == "token" and stage == 3:
            x = torch.cat((w["cls_token"].expand(len(x), 1, -1), x), 1)
        if o.position == "absolute":
            x = x + w[f"pos_embed.{stage}"]
        for at in range(depth):
            block = f"layers.{stage}.blocks.{at}"
            if o.has_msa[stage]:
                x = x + attended(normed(x, w, f"{block}.norm1", o.norm_eps), w, f"{block}.attn", o.num_heads[stage])
            x = x + mlp(normed(x, w, f"{block}.norm2", o.norm_eps), w, f"{block}.mlp")
    x = normed(x, w, "norm", o.norm_eps)
    x = x[:, 0] if o.global_pool == "token" else x.mean(1)
    return torch.einsum("nc,kc->nk", x, w["head.weight"]) + w["head.bias"]


def normed(x: Tensor, w: Mapping[str, Tensor], path: str, eps: float) -> Tensor:
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + eps).sqrt()
    return x * w[f"{path}.weight"] + w[f"{path}.bias"]


def mlp(x: Tensor, w: Mapping[str, Tensor], path: str) -> Tensor:
    x = F.gelu(torch.einsum("nic,hc->nih", x, w[f"{path}.fc1.weight"]) + w[f"{path}.fc1.bias"])
    return torch.einsum("nih,ch->nic", x, w[f"{path}.fc2.weight"]) + w[f"{path}.fc2.bias"]


def attended(x: Tensor, w: Mapping[str, Tensor], path: str, heads: int) -> Tensor:
    n, tokens, width = x.shape
    qkv = torch.einsum("nic,oc->nio", x, w[f"{path}.qkv.weight"]) + w[f"{path}.qkv.bias"]
    q, k, v = qkv.reshape(n, tokens, 3, heads, width // heads).unbind(2)
    scores = torch.einsum("nihd,njhd->nhij", q, k) / (width // heads) ** 0.5
    if f"{path}.relative_position_bias_table" in w:
        side = int(tokens**0.5)
        for i in range(tokens):
            for j in range(tokens):
                row = (i // side - j // side + side - 1) * (2 * side - 1) + i % side - j % side + side - 1
                scores[:, :, i, j] += w[f"{path}.relative_position_bias_table"][row]
    x = torch.einsum("nhij,njhd->nihd", scores.softmax(-1), v).reshape(n, tokens, width)
    return torch.einsum("nic,oc->nio", x, w[f"{path}.proj.weight"]) + w[f"{path}.proj.bias"]


def merged(x: Tensor, w: Mapping[str, Tensor], path: str) -> Tensor:
    from torchvision.ops import deform_conv2d

    side = int(x.shape[1] ** 0.5)
    x = x.reshape(len(x), side, side, -1).permute(0, 3, 1, 2)
    if f"{path}.proj.weight" in w:
        x = F.conv2d(x, w[f"{path}.proj.weight"], w[f"{path}.proj.bias"], 2).flatten(2).transpose(1, 2)
        return normed(x, w, f"{path}.norm", 1e-5)
    weight, bias = w[f"{path}.dconv.weight"], w[f"{path}.dconv.bias"]
    if f"{path}.dconv.conv_offset.weight" in w:
        where = F.conv2d(x, w[f"{path}.dconv.conv_offset.weight"], w[f"{path}.dconv.conv_offset.bias"], 2)
        x = deform_conv2d(x, where, weight, bias, stride=2)
    else:
        x = F.conv2d(x, weight, bias, 2)
    mean, var = (w[f"{path}.norm_layer.running_{name}"][:, None, None] for name in ("mean", "var"))
    scale, shift = (w[f"{path}.norm_layer.{name}"][:, None, None] for name in ("weight", "bias"))
    return F.gelu((x - mean) / (var + 1e-5).sqrt() * scale + shift).flatten(2).transpose(1, 2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lit_ti", {}),
        ("lit_s", {}),
        ("lit_s", {"has_msa": (1, 0, 1, 0), "merging": "conv2x2"}),
        ("lit_s", {"has_msa": (0, 1, 0, 1), "merging": "linear", "mlp_ratios": (1, 2, 0.5, 3)}),
    ],
)
def test_logits_are_those_of_the_formulas(name: str, options: dict[str, Any]) -> None:
    net = built(name, **options)
    with torch.no_grad():
        torch.testing.assert_close(net(images()), reference(net, images()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"img_size": 48}, r"img_size must be a multiple of 32"),
        ({"mlp_ratios": (4, 4, 0.01, 4)}, r"mlp_ratios leaves no width inside: 0.01 times 16; take a larger one"),
        ({"merging": "dtm"}, r"merging must be one of deformable, conv2x2, linear, not 'dtm'"),
        ({"has_msa": (0, 1)}, r"each stage takes one value of each: .*depths has 4, .*has_msa has 2"),
        ({"has_msa": (0, 0, 2, 1)}, r"has_msa must be one of 0, 1, not 2"),
        ({"num_heads": (1, 2, 3, 3)}, r"3 heads cannot share a width of 16; num_heads must divide it"),
        ({"depths": (1, 0, 1, 1)}, r"depths must be a number of 1 or more, not 0"),
        ({"embed_dims": (0, 16, 16, 16)}, r"embed_dims must be a number of 1 or more, not 0"),
        ({"num_heads": (1, 2, -1, 1)}, r"num_heads must be a number of 1 or more, not -1"),
        ({"norm_eps": 0}, r"norm_eps must be a number of 1e-12 or more, not 0"),
        ({"drop_path_rate": 1.5}, r"drop_path_rate must be at least 0 and below 1, not 1.5"),
        ({"global_pool": "token"}, r"a class token has no relative position; take position='absolute'"),
        (
            {"global_pool": "token", "position": "absolute", "has_msa": (1, 1, 1, 0)},
            r"without attention in the last stage a class token sees no image; take global_pool='avg'",
        ),
    ],
)
def test_options_that_do_not_fit_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        built("lit_s", **options)


def test_images_of_another_size_are_told() -> None:
    with pytest.raises(ValueError, match="built for images of 32 x 32, not 64 x 32; set img_size"):
        built("lit_s")(torch.zeros(1, 3, 64, 32))


def test_no_published_weights_go_by_these_names() -> None:
    with pytest.raises(ValueError, match="no weights are published for lit_s"):
        timm.create_model("lit_s", pretrained=True)


def test_a_new_head_has_the_asked_classes_and_the_same_way_to_read() -> None:
    net = built("lit_ti")
    net.reset_classifier(3)
    assert net.get_classifier().out_features == net.num_classes == 3
    with pytest.raises(ValueError, match="global_pool must be one of None, token, not 'avg'"):
        net.reset_classifier(3, "avg")


def test_stochastic_depth_rises_in_equal_steps() -> None:
    rates = [layer.drop_prob for layer in weightless("lit_ti").modules() if type(layer).__name__ == "DropPath"]
    seen = sorted(set(rates))
    assert seen[0] == 0
    assert seen[-1] == pytest.approx(0.1)
    assert [round(rate * 15 / 0.1, 6) for rate in seen] == list(range(16))


def test_weights_of_the_published_code_for_ti_are_taken() -> None:
    net: Any = timm.create_model("lit_ti", **TINY)
    state = {published(name): tensor for name, tensor in net.state_dict().items()}
    assert {
        "patch_embed1.proj.weight",
        "patch_embed3.dconv.conv_offset.bias",
        "pos_embed4",
        "block2.0.mlp.fc1.bias",
    } <= set(state)
    assert list(net.from_published(state)) == list(net.state_dict())


def published(name: str) -> str:
    """What the published code calls a parameter of Ti."""
    head, *rest = name.split(".")
    if head == "pos_embed":
        return f"pos_embed{int(rest[0]) + 1}"
    if head == "patch_embed":
        return ".".join(("patch_embed1", *rest))
    if head != "layers":
        return name
    number = int(rest[0])
    return ".".join((f"block{number + 1}" if rest[1] == "blocks" else f"patch_embed{number + 2}", *rest[2:]))


def test_weights_of_the_published_code_for_the_others_have_these_names() -> None:
    net: Any = timm.create_model("lit_s", **SMALL)
    assert net.from_published(net.state_dict()).keys() == net.state_dict().keys()
    assert "layers.2.blocks.1.attn.relative_position_index" in net.state_dict()


@pytest.mark.parametrize("name", ["lit_ti", "lit_s"])
def test_layers_may_learn_at_rates_of_their_own(name: str) -> None:
    net = weightless(name, depths=(1, 1, 1, 1))
    names = {id(parameter): key for key, parameter in net.named_parameters()}
    rates = {names[id(p)]: group["lr_scale"] for group in parameter_groups(net, 0.05, 0.5) for p in group["params"]}
    assert rates["head.weight"] == 1
    assert rates["patch_embed.proj.weight"] == 0.5**5
    assert rates["layers.1.blocks.0.mlp.fc1.weight"] == rates["layers.1.downsample.dconv.weight"] == 0.5**3
    assert rates["layers.1.downsample.dconv.conv_offset.weight"] == 0.5**3 * 0.01


@pytest.mark.parametrize("coarse", [False, True])
def test_merging_learns_with_the_end_of_its_stage_and_positions_with_the_beginning_of_theirs(coarse: bool) -> None:
    from timm.models import group_parameters

    net = weightless("lit_ti", depths=(1, 2, 1, 2))
    layers: Any = group_parameters(net, net.group_matcher(coarse), reverse=True)
    stages: Any = ([1, 1], [2, 2], [3, 3], [4, 4]) if coarse else ([1, 1], [2, 3], [4, 4], [5, 6])
    for at, (first, last) in enumerate(stages):
        blocks = len(net.layers[at].blocks)
        assert layers[f"layers.{at}.blocks.0.norm2.weight"] == first
        assert layers[f"layers.{at}.blocks.{blocks - 1}.norm2.weight"] == last
        assert layers[f"pos_embed.{at}"] == (first if at else 0)
        assert at == 3 or layers[f"layers.{at}.downsample.norm_layer.weight"] == last
    assert layers["cls_token"] == stages[3][0]
