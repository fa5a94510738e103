"""giMLP in attention against its formula, and the facts 4, 5, 7, 8 and 9 of its sheet."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import harness.architectures  # noqa: F401  # registers the networks
from harness.architectures.gi_attention import GatedAttention
from harness.architectures.inhibition import Gate, Inhibition

SMALL: dict[str, Any] = {
    "img_size": 16,
    "patch_size": 4,
    "embed_dim": 12,
    "num_heads": 3,
    "depth": 4,
    "num_classes": 5,
}


def built(**options: Any) -> Any:
    torch.manual_seed(0)
    return timm.create_model("gi_deit_tiny", **{**SMALL, **options}).eval()


def plain() -> Any:
    torch.manual_seed(0)
    return timm.create_model("deit_tiny_patch16_224", **SMALL).eval()


def images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def logits(net: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = net(x)
    return found


def gates(net: nn.Module) -> list[Gate]:
    return [module for module in net.modules() if isinstance(module, Gate)]


def test_the_rest_of_the_network_starts_as_the_ungated_one() -> None:
    state = plain().state_dict()
    found = built().state_dict()
    assert all(torch.equal(found[name], state[name]) for name in state)
    assert {name.split(".")[3] for name in set(found) - set(state)} == {"query_gate", "key_gate"}


@pytest.mark.parametrize("level", [0.0, 0.3, 0.9])
def test_fact_4_a_gate_without_inhibition_projection_changes_nothing(level: float) -> None:
    net = built(inhibition_level=level)
    for gate in gates(net):
        nn.init.zeros_(gate.inhibition.weight)
        nn.init.zeros_(gate.inhibition.bias)
        assert torch.equal(gate.selected(torch.randn(2, 3, 12)), torch.ones(2, 3, 12))
    torch.testing.assert_close(logits(net, images()), logits(plain(), images()))


def test_fact_5_a_correction_at_level_zero_is_gelu_and_one_and_never_far_below_one() -> None:
    torch.manual_seed(0)
    gate, x = Gate(6, 6, Inhibition(0.0), is_correction=True), 20 * torch.randn(50, 6)
    i = F.gelu(x @ gate.gate.weight.T + gate.gate.bias) @ gate.inhibition.weight.T + gate.inhibition.bias
    torch.testing.assert_close(gate.selected(x), F.gelu(i) + 1)
    assert float(gate.selected(x).detach().amin()) >= 1 - 0.17
    assert float(gate.selected(x).detach().amin()) < 0.9


@pytest.mark.parametrize(("scope", "is_alone"), [("tensor", False), ("sample", True), ("token", True)])
def test_fact_7_items_meet_only_over_the_whole_tensor(scope: str, is_alone: bool) -> None:
    net, x = built(inhibition_scope=scope, inhibition_level=0.9), images(3)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    alone = float((logits(net, x)[:1] - logits(net, x[:1])).abs().amax())
    assert (alone < 1e-5) is is_alone


@pytest.mark.parametrize(("rule", "expected"), [("last", 4), ("code", 3)])
def test_fact_8_the_published_rule_leaves_one_layer_out(rule: str, expected: int) -> None:
    net = built(gi_layer_num=4, layer_rule=rule)
    gated = [isinstance(block.attn, GatedAttention) for block in net.blocks]
    assert gated == [at >= 4 - expected for at in range(4)]
    assert sum(isinstance(block.attn, GatedAttention) for block in built(gi_layer_num=2, layer_rule=rule).blocks) == (
        expected - 2
    )


@pytest.mark.parametrize("sides", [("query",), ("key",), ("query", "key")])
def test_fact_9_each_gated_side_of_a_layer_has_two_square_maps(sides: tuple[str, ...]) -> None:
    options: dict[str, Any] = {f"gi_{side}_side": side in sides for side in ("query", "key")}
    with torch.device("meta"):
        net: nn.Module = timm.create_model("gi_deit_tiny", depth=2, **options)
        without: nn.Module = timm.create_model("deit_tiny_patch16_224", depth=2)
    extra = sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in without.parameters())
    assert extra == 2 * (192**2 + 192) * len(sides) * 2


def test_gated_attention_is_that_of_the_formula() -> None:
    attention: Any = built(inhibition_level=0.3).blocks[1].attn
    for gate in (attention.query_gate, attention.key_gate):
        nn.init.normal_(gate.gate.weight)
        nn.init.normal_(gate.inhibition.weight)
    h, w = torch.randn(2, 5, 12), dict(attention.named_parameters())

    def projected(path: str, x: Tensor = h) -> Tensor:
        found: Tensor = torch.einsum("nic,oc->nio", x, w[f"{path}.weight"]) + w[f"{path}.bias"]
        return found

    def selected(side: str) -> Tensor:
        i = projected(f"{side}_gate.inhibition", F.gelu(projected(f"{side}_gate.gate")))
        return F.gelu(i - 0.3 * i.max()) + 1

    query, key, value = projected("qkv").chunk(3, -1)
    query, key = (part.reshape(2, 5, 3, 4) for part in (query * selected("query"), key * selected("key")))
    scores = torch.einsum("nihd,njhd->nhij", query, key) / 2
    mixed = torch.einsum("nhij,njhd->nihd", scores.softmax(-1), value.reshape(2, 5, 3, 4)).reshape(2, 5, 12)
    torch.testing.assert_close(attention(h), projected("proj", mixed))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gi_layer_num": 5}, "gi_layer_num must be between 1 and the number of layers, 4, not 5"),
        ({"gi_layer_num": 0}, "gi_layer_num must be between 1 and the number of layers, 4, not 0"),
        ({"gi_key_side": False, "gi_query_side": False}, "are both false: nothing is gated"),
        ({"inhibition_level": 1.5}, "must be at least 0 and below 1"),
        ({"layer_rule": "first"}, "layer_rule must be one of last, code, not 'first'"),
        ({"qk_norm": True}, "gates are of plain projections; leave qk_norm out"),
        ({"attn_layer": "diff"}, "gates are of plain projections; leave attn_layer out"),
        ({"scale_attn_norm": True}, "gates are of plain projections; leave scale_attn_norm out"),
        (
            {"attn_drop_rate": 0.1, "proj_drop_rate": 0.1},
            "gates are of plain projections; leave attn_drop_rate, proj_drop_rate out",
        ),
    ],
)
def test_options_that_do_not_fit_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        built(**options)
