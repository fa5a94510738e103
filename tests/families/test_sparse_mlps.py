"""What can be removed from a sparse all-MLP: gates, experts and whole blocks; removed is masked, and counts add up."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from harness.families.base import Sublayer, Unit, units
from harness.families.catalogue import family_of
from harness.inventory import Inventory, inventory_of
from harness.models import create
from harness.proof import prove
from harness.schema import Options
from harness.streams import tapped
from harness.surgery import remove

OPTIONS: Options = {"vocabulary": 30, "context": 12, "width": 8, "ffn_dim": 20, "experts": 4}
ROUTINGS: dict[str, Options] = {"deterministic": {}, "partial": {"routing": "partial", "prefix": 5}}
IDS = torch.randint(30, (3, 12), generator=torch.Generator().manual_seed(1))
TARGETS = ("gate", "experts", "fused", "block")


@cache
def net_of(routing: str = "deterministic") -> nn.Module:
    net = create("sparse_all_mlp", {**OPTIONS, **ROUTINGS[routing]}, {})
    chance = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=chance))
    return net


def sublayers() -> tuple[Sublayer, ...]:
    return family_of(net_of()).sublayers(net_of())


@cache
def counted(routing: str) -> Inventory:
    net = create("sparse_all_mlp", {**OPTIONS, **ROUTINGS[routing]}, {}, device="meta")
    return inventory_of(net, "sparse_all_mlp", IDS[:1].to("meta"))


def logits(net: nn.Module) -> Tensor:
    with torch.no_grad():
        found: Tensor = net(IDS).logits
    return found


def test_gates_experts_and_whole_blocks_are_offered() -> None:
    net = net_of()
    assert [(s.name.removeprefix("model.blocks."), s.kind) for s in sublayers()] == [
        ("0.mlp", "fused"),
        ("0.mlp.gate", "gate"),
        ("1.mlp", "fused"),
        ("1.mlp.gate", "gate"),
        ("2.smoe", "gate"),
        ("2.tmoe", "experts"),
        ("3.smoe", "gate"),
        ("3.tmoe", "experts"),
    ]
    assert [unit.name for unit in units(sublayers(), "block")] == list(family_of(net).chain(net))


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("target", TARGETS)
def test_exactly_what_is_removed_is_gone(routing: str, target: str) -> None:
    net, found = net_of(routing), units(sublayers(), target)
    for chosen in (found[:1], found[-1:], found):
        gone = [sublayer for unit in chosen for sublayer in unit.sublayers]
        proof = prove(net, remove(net, gone, "skip"), gone, "skip", IDS, counted(routing))
        assert (proof.status, proof.reason) == ("passed", None)
        assert proof.macs_found is not None


def test_without_gates_no_token_sees_another() -> None:
    gone = [s for s in sublayers() if s.kind == "gate"]
    whole = logits(remove(net_of(), gone, "skip"))
    net = remove(net_of(), gone, "skip")
    with torch.no_grad():
        alone = torch.cat([net(IDS[:, at : at + 1]).logits for at in range(12)], dim=1)
    torch.testing.assert_close(whole, alone)


def test_a_gate_adds_what_it_changes_of_its_own_stream() -> None:
    gates = [s for s in sublayers() if s.kind == "gate"]
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def see(unit: Unit, x: Tensor, added: Tensor) -> None:
        seen[unit.name] = (x, added)

    with tapped(net_of(), [gate.unit for gate in gates], see):
        logits(net_of())
    assert {name.rpartition(".")[2]: x.shape[-1] for name, (x, _) in seen.items()} == {"gate": 10, "smoe": 8}
    x, added = seen["model.blocks.2.smoe"]
    with torch.no_grad():
        torch.testing.assert_close(x + added, net_of().get_submodule("model.blocks.2.smoe")(x))
