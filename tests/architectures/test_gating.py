"""A mixture of experts with a noisy softmax gate: facts 1 to 4 and 6 to 8 of the sheet of Sparse-MLP."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from timm.layers.mlp import Mlp
from torch import Tensor, nn

from harness.architectures.gating import Mixture, Noise, balance_loss, chances, unevenness

WIDTH = 6
ITEMS = torch.randn(5, 7, WIDTH, generator=torch.Generator().manual_seed(1))


def mixture(experts: int, top_k: int, noise: Noise = "training") -> Mixture:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = Mixture(WIDTH, experts, top_k, partial(Mlp, WIDTH, 10), noise)
        made.gate.weight.data.mul_(50)  # gates that tell items apart
        return made.requires_grad_(False).eval()


def alike(made: Mixture) -> nn.Module:
    """All experts get the weights of the first, which is given back."""
    for expert in made.experts[1:]:
        expert.load_state_dict(made.experts[0].state_dict())
    return made.experts[0]


def by_einsum(made: Mixture, x: Tensor) -> Tensor:
    """Every expert on every item, and those that are not kept weighted by zero (equations 4 and 5)."""
    items = x.reshape(-1, WIDTH)
    chances = torch.einsum("md,nd->mn", items, made.gate.weight).softmax(-1)
    smallest = chances.sort(descending=True).values[:, made.gate.top_k - 1, None]
    kept = torch.where(chances >= smallest, chances, 0)
    every = torch.stack([expert(items) for expert in made.experts])
    return torch.einsum("mn,nmd->md", kept, every).view(x.shape)


@pytest.mark.parametrize(("experts", "top_k"), [(1, 1), (4, 1), (4, 2), (3, 3)])
def test_the_mixture_is_the_weighted_sum_over_the_kept_experts(experts: int, top_k: int) -> None:
    made = mixture(experts, top_k)
    torch.testing.assert_close(made(ITEMS), by_einsum(made, ITEMS))


def test_fact_1_one_expert_is_the_plain_mlp() -> None:
    made = mixture(1, 1)
    assert torch.equal(made(ITEMS).reshape(-1, WIDTH), made.experts[0](ITEMS.reshape(-1, WIDTH)))


def test_fact_2_identical_experts_give_the_output_times_the_kept_mass() -> None:
    for top_k in (1, 2, 4):
        made = mixture(4, top_k)
        plain = alike(made)(ITEMS)
        mass = made.gate(ITEMS.reshape(-1, WIDTH))[0].sum(-1).view(5, 7, 1)
        torch.testing.assert_close(made(ITEMS), mass * plain)
        if top_k == 4:
            torch.testing.assert_close(made(ITEMS), plain)


@pytest.mark.parametrize("top_k", [1, 2])
def test_fact_3_exactly_k_experts_run_an_item_and_none_runs_without_items(top_k: int) -> None:
    made = mixture(4, top_k)
    made.gate.weight.data[3] = 0.0  # its logit is never the largest of these items, nor the second largest
    items = ITEMS.reshape(-1, WIDTH)
    items = items[(made.gate(items)[1] != 3).all(dim=-1)]
    seen: dict[int, int] = {}
    for at, expert in enumerate(made.experts):
        expert.register_forward_pre_hook(lambda _, given, at=at: seen.update({at: len(given[0])}))
    made(items)
    assert len(items) > 3
    assert 3 not in seen
    assert sum(seen.values()) == top_k * len(items)


def test_fact_3_the_output_of_an_item_ignores_the_other_items() -> None:
    made = mixture(4, 2)
    whole = made(ITEMS)
    for at in range(5):
        torch.testing.assert_close(made(ITEMS[at : at + 1])[0], whole[at])


def test_fact_4_permuting_items_permutes_the_output() -> None:
    made, order = mixture(4, 2), torch.randperm(7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made(ITEMS[:, order]), made(ITEMS)[:, order])


def test_fact_6_uniform_gates_cost_nothing_and_one_that_takes_all_costs_n_less_one() -> None:
    even = torch.zeros(8, 4)
    assert float(balance_loss(even, even, 1)) == pytest.approx(0, abs=1e-12)
    assert float(unevenness(torch.tensor([0.0, 0.0, 5.0, 0.0]))) == pytest.approx(3)
    one = torch.tensor([100.0, 0.0, 0.0, 0.0]).expand(8, 4)
    assert float(balance_loss(one, one, 1)) == pytest.approx(3)


def test_fact_6_the_losses_are_free_of_scale() -> None:
    busy = torch.tensor([1.0, 2.0, 4.0])
    expected = ((busy - busy.mean()) ** 2).mean() / busy.mean() ** 2
    for factor in (1, 1000):
        torch.testing.assert_close(unevenness(factor * busy), expected)
    plain = torch.randn(9, 4, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(balance_loss(plain.repeat(3, 1), plain.repeat(3, 1), 2), balance_loss(plain, plain, 2))


def test_fact_7_chances_lie_between_0_and_1_and_add_up_to_k_without_noise() -> None:
    plain = torch.randn(200, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for top_k in (1, 2, 4):
        found = chances(plain / 4, plain / 4, top_k)  # nearer together: a tail of 20 deviations rounds to 0
        assert bool(((found > 0) & (found < 1)).all())
        # Logits a thousand times as far apart are noise a thousand times as small.
        sharp = chances(1e3 * plain, 1e3 * plain, top_k).sum(-1)
        torch.testing.assert_close(sharp.median(), torch.tensor(float(top_k), dtype=torch.float64))
    assert bool((chances(plain, plain, 5) == 1).all())


def test_chances_are_how_often_fresh_noise_keeps_an_expert() -> None:
    chance = torch.Generator().manual_seed(4)
    plain = torch.tensor([[0.3, 0.1, 0.0, -0.2]])
    noisy = plain + torch.randn(1, 4, generator=chance) / 4
    found = chances(plain, noisy, 2)[0]
    for expert in range(4):
        others = noisy[0, torch.arange(4) != expert]
        fresh = plain[0, expert] + torch.randn(100_000, generator=chance) / 4
        is_kept = (others[None] > fresh[:, None]).sum(-1) < 2
        assert float(found[expert]) == pytest.approx(float(is_kept.double().mean()), abs=0.01)


def test_fact_8_evaluation_has_no_noise_and_that_of_training_has_a_deviation_of_1_over_n() -> None:
    made = mixture(4, 2)
    assert torch.equal(made(ITEMS), made(ITEMS))
    items = torch.randn(20_000, WIDTH, generator=torch.Generator().manual_seed(5))
    for gate in (mixture(4, 2).train().gate, mixture(4, 2, noise="always").gate):
        torch.manual_seed(0)
        _, _, plain, noisy = gate(items)
        assert float((noisy - plain).std()) == pytest.approx(1 / 4, rel=0.02)
    _, _, plain, noisy = mixture(4, 2, noise="never").train().gate(items)
    assert torch.equal(plain, noisy)


def test_losses_are_kept_of_training_alone() -> None:
    made = mixture(4, 2).requires_grad_()
    made.train()(ITEMS)
    assert made.auxiliary is not None
    assert made.auxiliary.requires_grad
    made.eval()(ITEMS)
    assert made.auxiliary is None
