"""Spatial gates and their mixture against einsum: facts 2 to 5, 9 and 10 of the sheet of sparse all-MLP."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from harness.architectures.spatial import Routing, SpatialGate, SpatialMixture
from harness.counting import count_macs

CONTEXT, WIDTH, PREFIX = 10, 8, 4
X = torch.randn(3, CONTEXT, WIDTH, generator=torch.Generator().manual_seed(1))


def mixture(experts: int = 4, routing: Routing = "deterministic", *, at_start: bool = False) -> SpatialMixture:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = SpatialMixture(CONTEXT, WIDTH, experts, routing, PREFIX if routing == "partial" else None)
        if not at_start:
            for parameter in made.parameters():
                parameter.data.add_(0.3 * torch.randn(parameter.shape))
            if made.gate is not None:
                made.gate.weight.data.mul_(20)
    return made.requires_grad_(False)


def sgu(made: SpatialMixture, expert: int, z: Tensor, normed: Tensor) -> Tensor:
    """z * (W LN(z) + b) of one expert, W lower triangular."""
    one = made.experts[expert].get_parameter("weight"), made.experts[expert].get_parameter("bias")
    mask = torch.arange(CONTEXT)[:, None] >= torch.arange(CONTEXT)
    length = z.shape[1]
    mixed = torch.einsum("ts,nsc->ntc", torch.where(mask, one[0], 0.0)[:length, :length], normed)
    return z * (mixed + one[1][:length, None])


def by_chunks(made: SpatialMixture, x: Tensor, chosen: Tensor, chance: Tensor) -> Tensor:
    """Item by item and chunk by chunk, through the chosen expert (items, chunks)."""
    normed = layer_norm(x, (WIDTH,), made.norm.weight, made.norm.bias)
    items, width = [], WIDTH // len(made.experts)
    for item in range(len(x)):
        chunks = [slice(at * width, (at + 1) * width) for at in range(len(made.experts))]
        own = [
            chance[item, at] * sgu(made, int(chosen[item, at]), x[item : item + 1, :, c], normed[item : item + 1, :, c])
            for at, c in enumerate(chunks)
        ]
        items.append(torch.cat(own, dim=-1))
    return torch.cat(items)


@pytest.mark.parametrize("length", [CONTEXT, 7])
def test_chunk_j_goes_to_expert_j(length: int) -> None:
    made, x = mixture(), X[:, :length]
    torch.testing.assert_close(made(x), by_chunks(made, x, torch.arange(4).expand(3, 4), torch.ones(3, 4)))


@pytest.mark.parametrize("routing", ["partial", "leaky"])
def test_a_gate_chooses_by_the_mean_of_what_it_sees(routing: Routing) -> None:
    made = mixture(routing=routing)
    assert made.gate is not None
    seen = X[:, :PREFIX] if routing == "partial" else X
    weight = made.gate.weight.view(4, 4, WIDTH)  # chunks, experts
    chances = torch.einsum("jed,nd->nje", weight, seen.mean(1)).softmax(-1)
    chance, chosen = chances.max(-1)
    assert len(set(chosen.flatten().tolist())) > 1
    torch.testing.assert_close(made(X), by_chunks(made, X, chosen, chance))


def test_fact_2_the_gate_of_partial_prediction_sees_the_prefix_alone() -> None:
    made = mixture(routing="partial")
    changed = X.clone()
    changed[:, PREFIX:] += torch.randn(3, CONTEXT - PREFIX, WIDTH)
    for found, expected in zip(made.choice(changed), made.choice(X), strict=True):
        assert torch.equal(found, expected)
    changed = X.clone()
    changed[:, 0] -= 50 * X[:, :PREFIX].mean(1)
    assert not torch.equal(made.choice(changed)[1], made.choice(X)[1])


def test_fact_3_a_leaky_gate_sees_the_future() -> None:
    made = mixture(routing="leaky")
    changed = X.clone()
    changed[:, -1] += 10
    for control in (mixture(), mixture(routing="partial")):
        assert torch.equal(control(changed)[:, :-1], control(X)[:, :-1])
    assert not torch.equal(made(changed)[:, :-1], made(X)[:, :-1])


def test_fact_4_one_expert_is_the_spatial_gate_and_equal_experts_are_one() -> None:
    for routing in ("deterministic", "partial"):
        one = mixture(1, routing)
        gate = SpatialGate(CONTEXT, WIDTH)
        gate.norm.load_state_dict(one.norm.state_dict())
        gate.positions.load_state_dict(one.experts[0].state_dict())
        with torch.no_grad():
            torch.testing.assert_close(one(X), gate(X, X))
    one, many = mixture(1), mixture(4)
    many.norm.load_state_dict(one.norm.state_dict())
    for expert in many.experts:
        expert.load_state_dict(one.experts[0].state_dict())
    torch.testing.assert_close(many(X), one(X))


def test_fact_5_deterministic_routing_has_no_parameters_and_costs_the_same_for_every_number_of_experts() -> None:
    for experts in (1, 2, 4, 8):
        made = mixture(experts)
        assert made.gate is None
        assert count_macs(made, X[:1]).total == CONTEXT * CONTEXT * WIDTH  # n d of each of n tokens
        mixing = sum(p.numel() for p in made.experts.parameters())
        assert mixing == experts * (CONTEXT**2 + CONTEXT)
        assert sum(p.numel() for p in made.parameters()) == mixing + 2 * WIDTH  # and the norm


def test_fact_9_every_expert_starts_as_the_identity_and_the_gate_as_its_first_half() -> None:
    assert torch.equal(mixture(at_start=True)(X), X)
    with torch.no_grad():
        assert torch.equal(SpatialGate(CONTEXT, WIDTH)(X, X.flip(0)), X)


def test_fact_10_permuting_chunks_with_their_experts_permutes_the_output() -> None:
    made, order = mixture(), [2, 0, 3, 1]
    channels = torch.cat([torch.arange(2) + 2 * chunk for chunk in order])
    moved = mixture()
    for at, source in enumerate(order):
        moved.experts[at].load_state_dict(made.experts[source].state_dict())
    moved.norm.weight.copy_(made.norm.weight[channels])
    moved.norm.bias.copy_(made.norm.bias[channels])
    torch.testing.assert_close(moved(X[..., channels]), made(X)[..., channels])


def test_deterministic_routing_has_no_choice_to_tell() -> None:
    with pytest.raises(ValueError, match="deterministic routing has no gate"):
        mixture().choice(X)
