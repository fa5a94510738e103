"""What every family must keep: a removed network is the masked one, and exactly what is said to be gone is gone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import torch
from architecture_cases import CASES as OWN
from cases import Case
from hierarchical_cases import CASES as HIERARCHICAL
from isotropic_cases import CASES as ISOTROPIC
from torch import Tensor, nn

from harness.families.base import Sublayer, Unit, class_name, units
from harness.families.catalogue import families, family_of
from harness.inventory import Inventory, inventory_of
from harness.proof import prove
from harness.streams import tapped
from harness.surgery import remove, removed

pytestmark = pytest.mark.slow

CASES = (*ISOTROPIC, *HIERARCHICAL, *OWN)
OF_TEXTS = {"sparse_all_mlp"}  # test_decoders.py and test_sparse_mlps.py
FAMILIES = tuple(f for f in families() if f.library != "transformers" and f.name not in OF_TEXTS)
every_case = pytest.mark.parametrize("case", CASES, ids=[case.label for case in CASES])


@cache
def net_of(case: Case) -> nn.Module:
    return case.net()


@cache
def counted(case: Case) -> Inventory:
    return inventory_of(case.net("meta"), case.architecture, torch.empty(1, 3, case.size, case.size, device="meta"))


def outputs(net: nn.Module, case: Case) -> Tensor:
    with torch.no_grad():
        found = net(case.inputs())
    return found if isinstance(found, Tensor) else found[0]


def sublayers_of(case: Case) -> tuple[Sublayer, ...]:
    return family_of(net_of(case)).sublayers(net_of(case))


def targets_of(case: Case) -> tuple[str, ...]:
    return (*case.kinds, *(("block",) if case.blocks else ()))


def sets_of(case: Case) -> Iterator[tuple[str, tuple[Unit, ...]]]:
    """Form and units: each first, last and all of each target, and for attention once more in the other form."""
    for target in targets_of(case):
        found = units(sublayers_of(case), target)
        for chosen in dict.fromkeys((found[:1], found[-1:], found)):
            yield "skip", chosen
            if target == "attention" and all(s.branch.tokens is None for unit in chosen for s in unit.sublayers):
                yield "identity", chosen


def members(chosen: tuple[Unit, ...]) -> tuple[Sublayer, ...]:
    return tuple(sublayer for unit in chosen for sublayer in unit.sublayers)


def state_names(net: nn.Module) -> list[tuple[str, int]]:
    return [(name, tensor.data_ptr()) for name, tensor in net.state_dict(keep_vars=True).items()]


@every_case
def test_what_is_offered_is_what_the_case_says(case: Case) -> None:
    family = family_of(net_of(case))
    kinds = tuple(dict.fromkeys(s.kind for s in sublayers_of(case)))
    found = (family.name, kinds, len(units(sublayers_of(case), "block")), len(family.refused(net_of(case))))
    assert found == (case.family, case.kinds, case.blocks, case.refused)
    assert all(family.refused(net_of(case)).values())


@every_case
def test_names_are_unique_and_every_module_is_owned_once(case: Case) -> None:
    sublayers = sublayers_of(case)
    assert len({s.name for s in sublayers}) == len(sublayers)
    whole = [sublayer for sublayer in sublayers if not sublayer.branch.within]
    owned = [f"{s.block}.{name}" for s in whole for name in (*s.modules, *s.branch.parameters)]
    assert len(set(owned)) == len(owned)
    assert not [a for a in owned for b in owned if a.startswith(f"{b}.")]


@every_case
def test_removal_equals_masking_and_adds_up(case: Case) -> None:
    net = net_of(case)
    whole = outputs(net, case)
    for removal, chosen in sets_of(case):
        gone = members(chosen)
        proof = prove(net, remove(net, gone, removal), gone, removal, case.inputs(), counted(case))
        assert (proof.status, proof.reason) == ("passed", None), (removal, [unit.name for unit in chosen])
        with removed(net, gone, removal):
            without = outputs(net, case)
        assert not torch.equal(without, whole), (removal, [unit.name for unit in chosen])


@every_case
def test_nothing_removed_is_the_same_to_the_bit(case: Case) -> None:
    net = net_of(case)
    before, names = outputs(net, case), state_names(net)
    for removal, chosen in sets_of(case):
        with removed(net, members(chosen), removal):
            outputs(net, case)
    assert state_names(net) == names
    assert torch.equal(outputs(net, case), before)
    assert torch.equal(outputs(remove(net, (), "skip"), case), before)


@every_case
def test_what_remains_keeps_its_names_and_values(case: Case) -> None:
    state = net_of(case).state_dict()
    for removal, chosen in sets_of(case):
        if chosen[0].kind == "block":
            owned = [unit.name for unit in chosen]
        else:
            owned = [f"{s.block}.{m}" for s in members(chosen) for m in (*s.modules, *s.branch.parameters)]
            owned += [s.block for s in members(chosen) if len(s.frame.heads) == 1 and s.frame.is_whole]
        expected = [n for n in state if not any(n == own or n.startswith(f"{own}.") for own in owned)]
        found = remove(net_of(case), members(chosen), removal).state_dict()
        if len({s.block for s in members(chosen)}) == len(members(chosen)) or chosen[0].kind == "block":
            assert list(found) == expected
        assert all(torch.equal(found[name], state[name]) for name in found)


@every_case
def test_a_removed_network_trains(case: Case) -> None:
    sublayers = sublayers_of(case)
    candidate = remove(net_of(case), sublayers[:1] + sublayers[-1:], "skip").train()
    given = candidate(case.inputs())
    (given if isinstance(given, Tensor) else given[0]).square().sum().backward()
    assert any(p.grad is not None for p in candidate.parameters())


def singles_of(case: Case) -> tuple[Unit, ...]:
    return tuple(Unit(s.name, s.kind, s.depth, (s,)) for s in sublayers_of(case))


@every_case
def test_what_is_seen_is_a_stream_and_what_is_added_to_it(case: Case) -> None:
    found: dict[str, tuple[Tensor, Tensor]] = {}
    with tapped(net_of(case), singles_of(case), lambda unit, x, added: found.update({unit.name: (x, added)})):
        outputs(net_of(case), case)
    assert list(found) == [unit.name for unit in singles_of(case)]
    assert all(x.shape == added.shape and len(x) == len(case.inputs()) for x, added in found.values())


@every_case
def test_what_is_given_back_is_what_is_added(case: Case) -> None:
    net, expected = net_of(case), outputs(net_of(case), case)
    sums = [unit for unit in singles_of(case) if not unit.sublayers[0].branch.hands_on]
    with tapped(net, sums, lambda unit, x, added: added.clone()):
        assert torch.equal(outputs(net, case), expected)
    with tapped(net, singles_of(case), lambda unit, x, added: added.clone()):  # x + (f(x) - x) is f(x) but for rounding
        torch.testing.assert_close(outputs(net, case), expected, rtol=1e-4, atol=1e-4)
    for unit in (singles_of(case)[0], singles_of(case)[-1]):
        with tapped(net, (unit,), lambda unit, x, added: added + x):
            assert not torch.equal(outputs(net, case), expected)


@every_case
def test_what_is_left_is_seen_without_the_others(case: Case) -> None:
    first, *left = singles_of(case)
    seen: list[str] = []
    with (
        removed(net_of(case), first.sublayers, "skip"),
        tapped(net_of(case), left, lambda unit, x, added: seen.append(unit.name)),
    ):
        outputs(net_of(case), case)
    assert seen == [unit.name for unit in left]


@every_case
def test_a_block_adds_what_its_branches_add(case: Case) -> None:
    net, sublayers = net_of(case), sublayers_of(case)
    sums: dict[str, Tensor] = {}
    blocks: dict[str, Tensor] = {}
    streams: dict[str, float] = {}
    whole = [unit for unit in units(sublayers, "block") if not unit.sublayers[0].frame.shared]

    def add(unit: Unit, x: Tensor, added: Tensor) -> None:
        block = unit.sublayers[0].block
        if not unit.sublayers[0].frame.is_whole or unit.sublayers[0].branch.within:
            return
        sums[block] = sums[block] + added.reshape(sums[block].shape) if block in sums else added
        streams[block] = max(streams.get(block, 1.0), float(x.abs().amax()))

    with tapped(net, singles_of(case), add):
        outputs(net, case)
    with tapped(net, whole, lambda unit, x, added: blocks.update({unit.name: added})):
        outputs(net, case)
    for name, added in blocks.items():
        found = _laid_out(sums[name], added)
        torch.testing.assert_close(found, added, rtol=1e-4, atol=1e-5 * max(streams[name], float(added.abs().amax())))


def _laid_out(found: Tensor, like: Tensor) -> Tensor:
    """Tokens as the map, channels first, that they come from; the class token alone with zeros for all others."""
    if found.dim() < like.dim() and found.shape[1] != like.shape[1]:
        found = found.transpose(1, 2)
    if found.numel() < like.numel():
        found = torch.cat((found, torch.zeros_like(like[:, found.shape[1] :])), dim=1)
    return found.reshape(like.shape)


@every_case
def test_a_chain_passes_nothing_but_the_stream(case: Case) -> None:
    """What follows a block is the same when all blocks before it are replaced by ones that give zeros."""
    net = net_of(case)
    chain = family_of(net).chain(net)
    assert bool(chain) is case.chain
    if not chain:
        return
    kept: dict[str, object] = {}
    hooks = [net.get_submodule(path).register_forward_hook(_keeping(kept, path)) for path in chain]
    expected = outputs(net, case)
    for hook in hooks:
        hook.remove()
    assert list(kept) == list(chain)
    for at in {0, len(chain) // 2, len(chain) - 1}:
        hooks = [net.get_submodule(path).register_forward_hook(_giving(_zeroed(kept[path]))) for path in chain[:at]]
        hooks.append(net.get_submodule(chain[at]).register_forward_hook(_giving(kept[chain[at]])))
        assert torch.equal(outputs(net, case), expected), chain[at]
        for hook in hooks:
            hook.remove()


def _keeping(kept: dict[str, object], path: str):  # type: ignore[no-untyped-def]  # a hook
    return lambda _, __, output: kept.update({path: output})


def _giving(kept: object):  # type: ignore[no-untyped-def]  # a hook
    return lambda _, __, ___: kept


def _zeroed(kept: object) -> object:
    if isinstance(kept, tuple):
        return tuple(_zeroed(part) for part in kept)
    return torch.zeros_like(kept) if isinstance(kept, Tensor) else kept


def test_every_kind_of_block_has_a_case() -> None:
    classes = {class_name(module) for case in CASES for module in case.net("meta").modules()}
    known = {name for family in FAMILIES for name in family.layouts}
    assert not known - classes


def test_every_family_has_a_case() -> None:
    assert {family.name for family in FAMILIES} == {case.family for case in CASES}
